#!/bin/sh
# Assign a version or a build number of Monotron. Requires curl 7.71 or newer, and git for bump=auto.
#
#   sh monotron.sh version NAME COMMIT [PARAMETERS]
#   sh monotron.sh next KEY TOKEN [PARAMETERS]
#
# PARAMETERS are query parameters of docs/api.md, such as bump=minor or 'bump=auto&skip_types=docs,ci'.
# The output is the version or number, or an empty line if no commit requests a release.
#
# MONOTRON_URL      the URL of the server
# MONOTRON_API_KEY  the secret of an API key, or an identity token
# MONOTRON_ACCOUNT  the id of the account [default: the account of the credentials]
# MONOTRON_SINCE    bump=auto reads the commits after this revision [default: the newest version]
# MONOTRON_TIMEOUT  do not retry after this number of seconds [default: 60]
set -eu
LC_ALL=C
export LC_ALL

# CI systems run commands in the output, which start with #.
note() {
  printf 'monotron.sh: %s' "$*" | tr '#[:cntrl:]' '! ' | cut -c 1-2000 >&2
}

fail() {
  note "$@"
  exit 1
}

encoded() {
  printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g'
}

# request METHOD PATH [OPTION…] sets status, and writes the body to the file answer.
request() {
  method=$1 path=$2
  shift 2
  : >"$work/answer"
  status=$(printf 'Authorization: Bearer %s\n' "$MONOTRON_API_KEY" |
    curl --no-progress-meter --globoff -H @- -X "$method" -o "$work/answer" -w '%{http_code}' \
      --retry 8 --retry-all-errors --retry-max-time "${MONOTRON_TIMEOUT:-60}" --max-time 20 \
      "$@" "$api/$path") || fail "no response from $MONOTRON_URL"
}

rejected() {
  fail "unexpected response of $MONOTRON_URL: $status $(cat "$work/answer")"
}

answered_with() {
  grep -q "\"code\": \"$1\"" "$work/answer"
}

variable() {
  sed -n "s/^MONOTRON_$1=//p" "$work/answer"
}

is_commit() {
  git rev-parse --quiet --verify "$1^{commit}" >/dev/null 2>&1
}

# Sets range to the commits that count. The token of the newest version, $base, is $after.
find_range() {
  range=$commit
  if [ -n "${MONOTRON_SINCE-}" ]; then
    is_commit "$MONOTRON_SINCE" || fail "MONOTRON_SINCE is not a commit of this clone: $MONOTRON_SINCE"
    range=$MONOTRON_SINCE..$commit
  elif [ "$base" = none ]; then
    tag=$(git tag --merged "$commit" --sort=version:refname |
      grep -Ex 'v[0-9]+\.[0-9]+\.[0-9]+' | tail -n 1)
    initial=$(printf '%s\n' "$parameters" | tr '&' '\n' | sed -n 's/^initial=//p')
    if [ -n "$initial" ]; then
      if is_commit "refs/tags/v$initial"; then
        range=refs/tags/v$initial..$commit
      elif [ "$initial" != 0.0.0 ]; then
        note "warning: the tag v$initial is not in this clone, so all commits count"
      fi
      return
    fi
    [ -n "$tag" ] || return 0
    fail "there is a tag $tag, but no version. Add initial=${tag#v} to the parameters," \
      "or initial=0.0.0 to ignore the tag"
  else
    if [ -n "$after" ] && ! is_commit "$after"; then
      GIT_TERMINAL_PROMPT=0 git fetch --quiet --no-tags origin "$after" 2>/dev/null || :
    fi
    for start in "$after" "refs/tags/v$base" "$commit^"; do
      if is_commit "$start"; then break; fi
    done
    range=$start..$commit
    [ "$start" != "$commit^" ] || note "warning: the commit of $base is not in this clone, so only" \
      "$commit counts. Set MONOTRON_SINCE to the revision after which commits count"
  fi
}

assign_auto() {
  case $token in -*) fail "invalid commit: $token" ;; esac
  commit=$(git rev-parse --verify "$token^{commit}") || fail "not a commit of this clone: $token"
  [ "$(git rev-parse --is-shallow-repository)" = false ] ||
    fail "this clone is shallow, so commits are missing. Clone the complete history"
  line=$(printf '%s\n' "$parameters" | tr '&' '\n' | grep '^line=') || :
  for attempt in 1 2 3 4 5 6; do
    request GET "versions/$name?format=dotenv${line:+&$line}"
    base=none after=
    if [ "$status" = 200 ]; then
      base=$(variable VERSION | sed 's/+.*//') after=$(variable AUTO_AFTER)
      case $base in '' | *[!0-9.]*) rejected ;; esac
      case $after in *[!0-9a-f]*) rejected ;; esac # it could be an option of git
    elif ! answered_with version_not_found; then
      rejected
    fi
    find_range
    git log -z --no-mailmap --no-show-signature --format=%B "$range" -- >"$work/messages"
    note "newest version: $base, commits since then: $(git rev-list --count "$range" --)"
    request PUT "versions/$name/$commit?base=$base&$query" --data-binary "@$work/messages"
    answered_with base_outdated || return 0
    note "another build was assigned a version. Attempt $attempt of 6"
  done
}

[ $# = 3 ] || [ $# = 4 ] || fail "usage: monotron.sh version NAME COMMIT [PARAMETERS], or next KEY TOKEN"
: "${MONOTRON_URL:?is not set}" "${MONOTRON_API_KEY:?is not set}"
name=$(encoded "$2") token=$3 parameters=${4-}
case $token in
'' | HEAD | FETCH_HEAD | @ | HEAD[~^@]* | FETCH_HEAD[~^@]* | @[~^'{']* | \$* | %*%) fail "invalid token '$token'. Pass the hash of the commit, or the id of the run" ;;
esac
api=${MONOTRON_URL%/}
api=${api%/v1}/v1${MONOTRON_ACCOUNT:+/accounts/$MONOTRON_ACCOUNT}
query=format=dotenv${parameters:+&$parameters}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

output=VERSION
case "$1&$parameters&" in
'next&'*) output=VALUE && request PUT "series/$name/$(encoded "$token")?reuse=any&$query" ;;
'version&'*'bump=auto&'*) assign_auto ;;
'version&'*) request PUT "versions/$name/$(encoded "$token")?$query" ;;
*) fail "unknown command '$1'" ;;
esac
[ "$status" = 200 ] || rejected
[ -z "${MONOTRON_ACCOUNT-}" ] || [ "$(variable CREATOR_ID)" = "$MONOTRON_ACCOUNT" ] || rejected
result=
if [ "$(variable CHANGED)" != false ]; then
  result=$(variable $output)
  case $result in '' | [!0-9]* | *[!0-9A-Za-z.+-]*) rejected ;; esac
fi
printf '%s\n' "$result"

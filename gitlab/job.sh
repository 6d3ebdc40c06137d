#!/bin/sh
# Asks Monotron, checks its answer, writes monotron.env. POSIX sh: any image with curl will do.
set -eu
rm -f monotron.env # one of an earlier job would be reported, should this one fail
LC_ALL=C
export LC_ALL
newline='
'

fail() { # cause, cure
  printf '\nMonotron: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf '\n%s\n' "$2" >&2
  exit 1
}

hide=/dev/null # what to make of the key where it would be shown, for sed
shown() { # a text on one line, without control characters and the key, for the log
  printf '%s' "$1" | tr '\n\t' '  ' | tr -d '\000-\037\177' | sed -f "$hide" | cut -c 1-500
}

like() { # whether a text is one line that the extended regular expression matches whole
  case $1 in *"$newline"*) return 1 ;; esac
  printf '%s\n' "$1" | grep -Eqx -e "$2"
}

must() { # option, its value, expression, words for it
  like "$2" "$3" || fail "$1 must be $4, not '$(shown "$2")'." "variables:
  $1: …"
}

encoded() { # a text as one segment of a path, or as one value of a query
  case $1 in
    *[!0-9A-Za-z._~:-]*) printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g' ;;
    *) printf '%s' "$1" ;;
  esac
}

segment() { # what it is for, text
  case $2 in
    '' | . | ..) fail "'$2' can be no $1." "Give it a $1 of its own: MONOTRON_NAME is the name, MONOTRON_IDEMPOTENCY_TOKEN the token." ;;
  esac
  encoded "$2"
}

# An input of the component goes before the variable, and the variable before the default.
url=${MONOTRON_INPUT_URL:-${MONOTRON_URL:-}}
name=${MONOTRON_INPUT_NAME:-${MONOTRON_NAME:-}}
mode=${MONOTRON_INPUT_MODE:-${MONOTRON_MODE:-semver}}
bump=${MONOTRON_INPUT_BUMP:-${MONOTRON_BUMP:-patch}}
prerelease=${MONOTRON_INPUT_PRERELEASE:-${MONOTRON_PRERELEASE:-}}
line=${MONOTRON_INPUT_LINE:-${MONOTRON_LINE:-}}
initial=${MONOTRON_INPUT_INITIAL_VERSION:-${MONOTRON_INITIAL_VERSION:-}}
on_conflict=${MONOTRON_INPUT_ON_CONFLICT:-${MONOTRON_ON_CONFLICT:-fail}}
metadata=${MONOTRON_INPUT_BUILD_METADATA:-${MONOTRON_BUILD_METADATA:-}}
token=${MONOTRON_INPUT_IDEMPOTENCY_TOKEN:-${MONOTRON_IDEMPOTENCY_TOKEN:-}}
tag_prefix=${MONOTRON_INPUT_TAG_PREFIX-${MONOTRON_TAG_PREFIX-v}} # may be empty
major_labels=${MONOTRON_INPUT_MAJOR_LABELS:-${MONOTRON_MAJOR_LABELS:-major}}
minor_labels=${MONOTRON_INPUT_MINOR_LABELS:-${MONOTRON_MINOR_LABELS:-minor}}
patch_labels=${MONOTRON_INPUT_PATCH_LABELS:-${MONOTRON_PATCH_LABELS:-patch}}
dry_run=${MONOTRON_INPUT_DRY_RUN:-${MONOTRON_DRY_RUN:-}}
timeout=${MONOTRON_INPUT_TIMEOUT:-${MONOTRON_TIMEOUT:-60}}
retries=${MONOTRON_INPUT_RETRIES:-${MONOTRON_RETRIES:-8}}
prefix=${MONOTRON_INPUT_DOTENV_PREFIX:-${MONOTRON_DOTENV_PREFIX:-MONOTRON_}}
semrel=${MONOTRON_INPUT_SEMREL:-${MONOTRON_SEMREL:-false}}

merge_request=false
if [ "${CI_PIPELINE_SOURCE:-}" = merge_request_event ] || [ -n "${CI_MERGE_REQUEST_IID:-}" ]; then
  merge_request=true # also in a child pipeline of one, whose source is another
fi
dry_run=${dry_run:-$merge_request}

number='(0|[1-9][0-9]{0,18})'
semver="$number\.$number\.$number(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"

must MONOTRON_MODE "$mode" 'semver|counter' 'semver or counter'
must MONOTRON_BUMP "$bump" 'major|minor|patch|final|auto|none' 'one of major, minor, patch, final, auto, none'
must MONOTRON_PRERELEASE "$prerelease" '([0-9A-Za-z]{1,20})?' 'a label of letters and digits, such as rc'
must MONOTRON_LINE "$line" '([0-9]+(\.[0-9]+)?)?' 'a line of versions, such as 1 or 1.2'
must MONOTRON_INITIAL_VERSION "$initial" "(v?$semver)?" 'a version, such as 1.4.2'
must MONOTRON_ON_CONFLICT "$on_conflict" 'fail|reuse' 'fail or reuse'
must MONOTRON_BUILD_METADATA "$metadata" '[0-9A-Za-z.-]*' 'letters, digits, dots and hyphens'
must MONOTRON_TAG_PREFIX "$tag_prefix" '([0-9A-Za-z_@][0-9A-Za-z._/+@-]{0,99})?' 'letters, digits and . _ / + @ -, such as v or api/v'
must MONOTRON_DRY_RUN "$dry_run" 'true|false' 'true or false'
must MONOTRON_TIMEOUT "$timeout" '[1-9][0-9]{0,3}' 'seconds, from 1 to 9999'
must MONOTRON_RETRIES "$retries" '0|[1-9][0-9]?' 'a whole number from 0 to 99'
must MONOTRON_DOTENV_PREFIX "$prefix" '[A-Za-z_][A-Za-z0-9_]{0,63}' 'the beginning of names of variables, such as MONOTRON_'
must MONOTRON_SEMREL "$semrel" 'true|false' 'true or false'

if [ "$mode" = counter ]; then
  case $bump in patch | none) unfit= ;; *) unfit=MONOTRON_BUMP ;; esac
  [ -z "$prerelease" ] || unfit=MONOTRON_PRERELEASE
  [ -z "$line" ] || unfit=MONOTRON_LINE
  [ -z "$initial" ] || unfit=MONOTRON_INITIAL_VERSION
  [ -z "$metadata" ] || unfit=MONOTRON_BUILD_METADATA
  [ "$on_conflict" = fail ] || unfit=MONOTRON_ON_CONFLICT
  [ "$semrel" = false ] || unfit=MONOTRON_SEMREL
  [ -z "$unfit" ] || fail "The mode counter gives a plain number, for which $unfit means nothing." "Leave $unfit out, or take the mode semver for a version."
fi
if [ "$bump" = final ] && [ -n "$prerelease" ]; then
  fail 'The bump final makes a pre-release final, so it goes without MONOTRON_PRERELEASE.' 'Leave one of the two out.'
fi
if [ "$bump" = none ] && [ -n "$line$prerelease" ]; then
  fail 'The bump none looks at the latest final version, for which MONOTRON_LINE and MONOTRON_PRERELEASE mean nothing.' 'Leave both out, or name a commit whose version is meant as MONOTRON_IDEMPOTENCY_TOKEN.'
fi

while [ "${url%/}" != "$url" ]; do url=${url%/}; done
[ -n "$url" ] || fail 'MONOTRON_URL is missing: where does Monotron run?' 'variables:
  MONOTRON_URL: https://monotron.example.com'
rest='(:[0-9]{1,5})?(/[0-9A-Za-z._~%+:/-]*)?'
like "$url" "https://([0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+])$rest" ||
  like "$url" "http://(localhost|127\.0\.0\.1|\[::1])$rest" ||
  fail "MONOTRON_URL is no https address. Without https, whoever listens on the way could read the key; only a server on this machine may be asked with http." 'Leave only the address, without credentials, query or fragment:

variables:
  MONOTRON_URL: https://monotron.example.com'

if [ -z "$name" ] && [ -n "${CI_PROJECT_PATH:-}" ]; then
  name=gl:$(printf '%s' "$CI_PROJECT_PATH" | tr / :) # some proxies let no slash through
fi
asked=$token # what none looks at
if [ -n "$token" ]; then
  :
elif [ "$mode" = counter ]; then # one pipeline, one number
  token=${CI_PIPELINE_ID:+gl-${CI_SERVER_HOST:-}-$CI_PIPELINE_ID}
else # one commit, one version; merged results have a commit that nobody made
  token=${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-${CI_COMMIT_SHA:-}}
fi
name_segment=$(segment name "$name")
[ "$bump" = none ] || token_segment=$(segment token "$token")
[ -z "$asked" ] || asked=/$(segment token "$asked")

command -v curl >/dev/null || fail 'There is no curl in this image.' 'monotron-version:
  image:
    name: docker.io/curlimages/curl:8.11.1
    entrypoint: [""]'

end=$(($(date +%s) + timeout))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

sign_in() ( # writes the header, where only this job can read it; a trace does not show it
  set +x
  umask 077
  basic=
  what=MONOTRON_API_KEY key=${MONOTRON_API_KEY:-}
  [ -n "$key" ] || what=MONOTRON_ID_TOKEN key=${MONOTRON_ID_TOKEN:-}
  case $key in
    *[!!-~]* | *[\"\'\\]*) fail "$what holds spaces, line breaks, quotes or other characters that no key has." 'Copy it again, whole and on one line.' ;;
    '$'*) fail "$what is the name of a variable that does not exist here." 'A protected variable exists on protected branches and tags only.' ;;
    *:*)
      basic=$(printf '%s' "$key" | base64 | tr -d '\n')
      printf 'Authorization: Basic %s\n' "$basic"
      ;;
    ?*) printf 'Authorization: Bearer %s\n' "$key" ;;
  esac >"$work/header"
  # Whatever stands at the address may give the key back: sed hides it, by a file as well.
  for secret in "$key" "$basic" "${key#*:}"; do
    printf '%s\n' "$secret" | sed 's/[][\\.*^$/]/\\&/g; s/..*/s\/&\/***\/g/'
  done >"$work/hide"
)
sign_in
hide=$work/hide

not_ours() { # what it answers
  fail "$url $1, which is not what Monotron answers." "Look whether MONOTRON_URL is the address of Monotron itself: a sign-in page or a proxy may stand before it. curl $url/v1 prints: API v1"
}

in_time() { # a command, ended when the time is over: curl's pauses may go beyond
  if command -v timeout >/dev/null; then timeout "$left" "$@"; else "$@"; fi
}

ask() { # method, path; more arguments for curl. $code is empty if the answer is in $work/body
  method=$1 target=$url$2 code='' trouble=0
  shift 2
  : >"$work/body"
  left=$((end - $(date +%s)))
  [ "$left" -gt 0 ] || left=1
  case $url in http:*) set -- --noproxy '*' "$@" ;; esac # in clear on this machine only
  # No --location: a redirect would take the key elsewhere. No --fail: an error has a body to read.
  met=$(in_time curl --disable --globoff --no-progress-meter --proto '=https,http' \
    --retry "$retries" --retry-all-errors --retry-max-time "$left" \
    --max-time "$((left < 20 ? left : 20))" --max-filesize 65536 --user-agent monotron-gitlab \
    --header "@$work/header" --request "$method" "$@" --output "$work/body" \
    --write-out '%{http_code} %{content_type}' -- "$target" 2>"$work/trouble") || trouble=$?
  case $trouble in
    0) ;;
    2) fail "This curl does not know all options that are needed: $(shown "$(head -n 1 "$work/trouble")")" 'Take an image with curl 7.71 or newer, such as docker.io/curlimages/curl:8.11.1.' ;;
    124 | 143) fail "$url did not answer within $timeout seconds. $(shown "$(grep Problem "$work/trouble" | tail -n 1)")" 'Look whether the server is well, or give it more time with MONOTRON_TIMEOUT. The same request may be sent again, so run the job again.' ;;
    *) fail "$url did not answer: $(shown "$(tail -n 1 "$work/trouble")")" 'Look whether the address is right and the server runs. The same request may be sent again, so run the job again.' ;;
  esac
  status=${met%% *} type=${met#* }
  type=${type%%;*}
  case $status:$type in
    200:text/plain) ;;
    3??:*) fail "$url redirects elsewhere, and a redirect is not followed, since it would take the key along." 'If that is your Monotron, write the address that it leads to as MONOTRON_URL.' ;;
    200:*) not_ours "answers 200 with a body of another type ($(shown "$type"))" ;;
    *:application/problem+json)
      problem=$(tr -d '\000-\037\177' <"$work/body")
      code=$(printf '%s\n' "$problem" | sed -nE 's/.*"code": *"([a-z_]+)".*/\1/p')
      detail=$(printf '%s\n' "$problem" | sed -nE 's/.*"detail": *"(([^"\\]|\\.)*)".*/\1/p' | sed -E 's/\\(["\\/])/\1/g')
      [ -n "$code" ] || not_ours "answers $status without a code"
      ;;
    *) not_ours "answers $status ($(shown "$type"))" ;;
  esac
}

refused() {
  case $code in
    unauthenticated)
      cure='Add the key as the variable MONOTRON_API_KEY, masked, in Settings > CI/CD > Variables. A protected variable exists on protected branches and tags only. Or sign in without a key:

monotron-version:
  id_tokens:
    MONOTRON_ID_TOKEN:
      aud: …'
      [ -n "${MONOTRON_API_KEY:-}" ] || [ -z "${MONOTRON_ID_TOKEN:-}" ] || cure="Let Monotron trust these jobs, or run this one only where it does:

monotron trust gitlab $(shown "${CI_PROJECT_PATH:-GROUP/PROJECT}") --branch …"
      ;;
    forbidden) cure='Give MONOTRON_API_KEY a key with the scope read,write:series for this name.' ;;
    token_taken) cure='To go on with the version that this commit has:

variables:
  MONOTRON_ON_CONFLICT: reuse' ;;
    invalid_bump) cure='Say which bump it is to be:

variables:
  MONOTRON_BUMP: patch' ;;
    out_of_line) cure='Leave MONOTRON_LINE out for a bump of the newest version, or take a smaller bump.' ;;
    line_not_found) cure='A line is a major version, or a major and a minor one, that has a release:

variables:
  MONOTRON_LINE: "1.2"' ;;
    already_released) cure='Make a new pre-release, or take the bump patch.' ;;
    token_replayed) cure='This identity token was used for something else. Run the job again.' ;;
    too_many_requests) cure='Too many requests came from this key or account. Run the job again later.' ;;
    *) cure= ;;
  esac
  fail "Monotron answers $status $(shown "$code: $detail")" "$cure"
}

value() { # name, expression: $found is the value of the one line with this name
  [ "$(grep -c "^$prefix$1=" "$work/body")" = 1 ] || not_ours "answers without one line $prefix$1"
  found=$(sed -n "s/^$prefix$1=//p" "$work/body")
  like "$found" "$2" || not_ours "answers with a value that $prefix$1 cannot have"
}

lines() { # how many the answer must have at least; a later service may tell more, all of one form
  [ "$(wc -l <"$work/body")" -ge "$1" ] || not_ours "answers with less than $1 lines"
  ! grep -Eqvx -e "${prefix}[A-Z][A-Z_]*=[ -~]*" "$work/body" || not_ours 'answers with a line that is no variable'
}

put() { # name, value: a line that later jobs see
  printf '%s=%s\n' "$prefix$1" "$2" >>"$work/env"
}

entry() { # the number of a series from the answer, or 0 where nothing is there yet
  case $code in
    '') ;;
    series_not_found | entry_not_found) value=0 reused=false; return ;;
    *) refused ;;
  esac
  lines 3
  value REUSED 'true|false'
  reused=$found
  value VALUE '[1-9][0-9]{0,18}'
  value BUILD_NUMBER "$found"
  value=$found
}

folded() { # labels in lower case, with a comma around each
  printf ',%s,' "$1" | tr '[:upper:]\n' '[:lower:],' | sed 's/[[:space:]]*,[[:space:]]*/,/g'
}

labelled() { # whether the merge request has one of these labels
  there=$(folded "${CI_MERGE_REQUEST_LABELS:-}")
  wanted=$(folded "$1")
  while [ "$wanted" != , ]; do
    wanted=${wanted#,}
    label=${wanted%%,*}
    wanted=${wanted#"$label"}
    case $there in *,"$label",*) [ -z "$label" ] || return 0 ;; esac
  done
  return 1
}

by_label() { # bump, labels
  if [ "$bump" = auto ] && labelled "$2"; then
    # Like a commit message: a label never changes the version that a commit has.
    bump=$1 on_conflict=reuse why="by the label '$(shown "$label")'"
  fi
}

format="format=dotenv&prefix=$prefix"
note=
if [ "$mode" = counter ]; then
  series=/v1/series/$name_segment
  if [ "$bump" = none ]; then
    ask GET "$series$asked?$format"
    entry
    note=', nothing was counted'
  elif [ "$dry_run" = true ]; then
    ask GET "$series/$token_segment?$format"
    entry
    if [ "$value" = 0 ]; then
      ask GET "$series?$format"
      entry
      [ "$value" != 9223372036854775807 ] || fail 'The series stands at its last value.' 'Take another name.'
      value=$((value + 1)) reused=false
    fi
    note=', a preview: nothing was counted'
  else
    ask PUT "$series/$token_segment?reuse=any&$format"
    entry
    [ "$value" != 0 ] || refused
  fi
  put VALUE "$value"
  put BUILD_NUMBER "$value"
  put REUSED "$reused"
  printf 'Monotron: %s%s\n' "$value" "$note"
else
  path=/v1/versions/$name_segment
  why="by the bump $bump"
  if [ "$bump" = none ]; then
    ask GET "$path$asked?$format"
    why='the latest' note=', nothing was counted'
    [ -z "$asked" ] || why='as it was given'
  else
    by_label major "$major_labels"
    by_label minor "$minor_labels"
    by_label patch "$patch_labels"
    query="bump=$bump&$format"
    [ -z "$prerelease" ] || query="$query&prerelease=$prerelease"
    [ -z "$line" ] || query="$query&line=$line"
    [ -z "$metadata" ] || query="$query&metadata=$metadata"
    [ -z "$initial" ] || query="$query&initial=$(encoded "$initial")"
    [ "$on_conflict" = fail ] || query="$query&on_conflict=reuse"
    if [ "$dry_run" = true ]; then
      query="$query&dry_run=true" note=', a preview: nothing was counted'
    fi
    if [ "$bump" = auto ]; then
      if [ "$merge_request" = true ] && [ -n "${CI_MERGE_REQUEST_TITLE:-}" ]; then
        what='title of the merge request'
        # A draft loses that mark before it is merged.
        text=$(printf '%s\n' "$CI_MERGE_REQUEST_TITLE" | sed -E '1s/^(\[[Dd]raft]|\([Dd]raft\)|[Dd]raft:) *//')
      else
        what='commit message' text=${CI_COMMIT_MESSAGE:-}
      fi
      why="by the $what '$(shown "${text%%"$newline"*}")'"
      printf '%s' "$text" >"$work/text"
      ask PUT "$path/$token_segment?$query" --header 'Content-Type: text/plain' --data-binary "@$work/text"
    else
      ask PUT "$path/$token_segment?$query"
    fi
  fi
  version=0.0.0 previous=
  if [ "$bump:$code" = none:version_not_found ]; then # 0.0.0 stands for nothing, which has no tag
    for pair in VERSION=0.0.0 TAG= MAJOR=0 MINOR=0 PATCH=0 PRERELEASE_ID= METADATA= RELEASE_TYPE= \
      PREVIOUS_VERSION= IS_LATEST=false REUSED=false DOCKER_TAG=; do
      put "${pair%%=*}" "${pair#*=}"
    done
  else
    [ -z "$code" ] || refused
    lines 12
    while read -r field form; do
      value "$field" "$form"
      case $field in # all of it must tell one version
        VERSION) version=$found parts= ;;
        TAG) [ "$found" = "v$version" ] || not_ours 'answers with another tag'; found=$tag_prefix$version ;;
        MAJOR | MINOR | PATCH) parts=${parts:+$parts.}$found ;;
        PRERELEASE_ID) parts=$parts${found:+-$found} ;;
        METADATA) [ "$parts${found:++$found}" = "$version" ] || not_ours 'answers with other parts than the version has' ;;
        PREVIOUS_VERSION) previous=$found ;;
        DOCKER_TAG) [ "$found" = "$(printf '%s' "$version" | tr + _)" ] || not_ours 'answers with another Docker tag' ;;
      esac
      put "$field" "$found"
    done <<FORMS
VERSION $semver
TAG v$semver
MAJOR $number
MINOR $number
PATCH $number
PRERELEASE_ID [0-9A-Za-z.-]*
METADATA [0-9A-Za-z.-]*
RELEASE_TYPE [a-z]{0,20}
PREVIOUS_VERSION ($semver)?
IS_LATEST true|false
REUSED true|false
DOCKER_TAG [0-9A-Za-z._-]+
FORMS
  fi
  if [ "$semrel" = true ]; then # the names of to-be-continuous
    prefix=SEMREL_INFO_
    next=$version
    if [ "$bump" = none ]; then
      next=
      [ -n "$code" ] || previous=$version
    fi
    put NEXT_VERSION "$next"
    put LAST_VERSION "$previous"
  fi
  printf 'Monotron: %s, %s%s\n' "$version" "$why" "$note"
fi
cat "$work/env" >monotron.env
cat monotron.env

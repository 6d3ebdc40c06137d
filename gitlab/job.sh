#!/bin/sh
# Get a version or a build number from Monotron, check the response, and write monotron.env.
# This is POSIX sh: any image with curl, and with git for bump auto, can run it. `make gitlab` copies this script into both YAML files.
set -eu
rm -f monotron.env # if this job fails, GitLab must not upload the file of an earlier one
LC_ALL=C
export LC_ALL
newline='
'

fail() { # message, hint
  printf '\nerror: %s\n' "$1" >&2
  [ -z "${2:-}" ] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

warn() { # message
  printf 'warning: %s\n' "$1" >&2
}

redactions=/dev/null # a sed script that replaces the credential; write_header creates it
printable() { # text: prints it on one line for the log, without control characters and credentials
  printf '%s' "$1" | tr '\n\t' '  ' | tr -d '\000-\037\177' | sed -f "$redactions" | cut -c 1-2000
}

matches() { # text, extended regular expression: succeeds if the text is one line that matches completely
  case $1 in *"$newline"*) return 1 ;; esac
  printf '%s\n' "$1" | grep -Eqx -e "$2"
}

is_hash() { # text: only such a token reaches git, because others could be options
  matches "$1" '[0-9a-f]{40}([0-9a-f]{24})?'
}

check() { # variable, value, expression, description
  matches "$2" "$3" || fail "$1 must be $4, not '$(printable "$2")'."
}

encoded() { # text: prints it percent-encoded, for a path segment or a query value
  case $1 in
    *[!0-9A-Za-z._~:-]*) printf '%s' "$1" | od -An -v -tx1 | tr -d ' \n' | sed 's/../%&/g' ;;
    *) printf '%s' "$1" ;;
  esac
}

path_segment() { # name or token, value, variable that sets it
  case $2 in
    '' | . | ..) fail "'$2' is not a valid $1." "Set $3." ;; # the path would be a different one
  esac
  encoded "$2"
}

line_of_name() { # name of a branch: prints the maintenance line in it, such as 1.2 for release/1.2, 1.2.x and v1.2
  component='(0|[1-9][0-9]{0,18})'
  printf '%s\n' "$1" | sed -nE -e "s#^(release[/-]v?|v)($component(\.$component)?)(\.x)?\$#\2#p" -e t -e "s#^($component(\.$component)?)\.x\$#\1#p"
}

label_of_name() { # name of a branch: prints it as a label. Of a character of several bytes, the first one becomes a hyphen.
  label=$(printf '%s' "$1" | tr -d '\200-\277' | tr '[:upper:]' '[:lower:]' | tr -c '0-9a-z-' '-' | cut -c 1-40)
  matches "$label" '.*[^0-9].*' || label=$(printf 'b%s' "$label" | cut -c 1-40)
  printf '%s' "$label"
}

# An input of the component takes precedence over the variable, and the variable over the default.
url=${MONOTRON_INPUT_URL:-${MONOTRON_URL:-}}
account=${MONOTRON_INPUT_ACCOUNT:-${MONOTRON_ACCOUNT:-}}
name=${MONOTRON_INPUT_NAME:-${MONOTRON_NAME:-}}
mode=${MONOTRON_INPUT_MODE:-${MONOTRON_MODE:-semver}}
exact_version=${MONOTRON_INPUT_VERSION:-${MONOTRON_VERSION:-}}
bump=${MONOTRON_INPUT_BUMP:-${MONOTRON_BUMP:-patch}}
calendar=${MONOTRON_INPUT_CALENDAR:-${MONOTRON_CALENDAR:-}}
skip_types=${MONOTRON_INPUT_SKIP_TYPES:-${MONOTRON_SKIP_TYPES:-}}
minor_types=${MONOTRON_INPUT_MINOR_TYPES:-${MONOTRON_MINOR_TYPES:-}}
commit_rules=${MONOTRON_INPUT_COMMITS:-${MONOTRON_COMMITS:-}}
prerelease=${MONOTRON_INPUT_PRERELEASE:-${MONOTRON_PRERELEASE:-}}
line=${MONOTRON_INPUT_LINE:-${MONOTRON_LINE:-}}
initial=${MONOTRON_INPUT_INITIAL_VERSION:-${MONOTRON_INITIAL_VERSION:-}}
from_scratch=${MONOTRON_INPUT_FROM_SCRATCH:-${MONOTRON_FROM_SCRATCH:-false}}
initial_value=${MONOTRON_INPUT_INITIAL_VALUE:-${MONOTRON_INITIAL_VALUE:-}}
on_conflict=${MONOTRON_INPUT_ON_CONFLICT:-${MONOTRON_ON_CONFLICT:-fail}}
on_withdrawn=${MONOTRON_INPUT_ON_WITHDRAWN:-${MONOTRON_ON_WITHDRAWN:-fail}}
metadata=${MONOTRON_INPUT_BUILD_METADATA:-${MONOTRON_BUILD_METADATA:-}}
since=${MONOTRON_INPUT_SINCE:-${MONOTRON_SINCE:-}}
paths=${MONOTRON_INPUT_PATHS:-${MONOTRON_PATHS:-}}
token=${MONOTRON_INPUT_IDEMPOTENCY_TOKEN:-${MONOTRON_IDEMPOTENCY_TOKEN:-}}
tag_prefix=${MONOTRON_INPUT_TAG_PREFIX-${MONOTRON_TAG_PREFIX-v}} # may be empty
major_labels=${MONOTRON_INPUT_MAJOR_LABELS:-${MONOTRON_MAJOR_LABELS:-}}
minor_labels=${MONOTRON_INPUT_MINOR_LABELS:-${MONOTRON_MINOR_LABELS:-}}
patch_labels=${MONOTRON_INPUT_PATCH_LABELS:-${MONOTRON_PATCH_LABELS:-}}
skip_labels=${MONOTRON_INPUT_SKIP_LABELS:-${MONOTRON_SKIP_LABELS:-}}
dry_run=${MONOTRON_INPUT_DRY_RUN:-${MONOTRON_DRY_RUN:-}}
timeout=${MONOTRON_INPUT_TIMEOUT:-${MONOTRON_TIMEOUT:-60}}
retries=${MONOTRON_INPUT_RETRIES:-${MONOTRON_RETRIES:-8}}
on_unavailable=${MONOTRON_INPUT_ON_UNAVAILABLE:-${MONOTRON_ON_UNAVAILABLE:-fail}}
on_no_credentials=${MONOTRON_INPUT_ON_NO_CREDENTIALS:-${MONOTRON_ON_NO_CREDENTIALS:-fail}}
dotenv_prefix=${MONOTRON_INPUT_DOTENV_PREFIX:-${MONOTRON_DOTENV_PREFIX:-MONOTRON_}}
semrel=${MONOTRON_INPUT_SEMREL:-${MONOTRON_SEMREL:-false}}

merge_request=false
case ${CI_PIPELINE_SOURCE:-} in merge_request_event | external_pull_request_event) merge_request=true ;; esac
# Child pipelines have a different source.
[ -z "${CI_MERGE_REQUEST_IID:-}${CI_EXTERNAL_PULL_REQUEST_IID:-}" ] || merge_request=true
bump=$(printf '%s' "$bump" | tr '[:upper:]' '[:lower:]')

# Only options that this script itself interprets are checked here. The server validates all others.
check MONOTRON_MODE "$mode" 'semver|counter' 'semver or counter'
check MONOTRON_DRY_RUN "${dry_run:-true}" 'true|false' 'true or false'
check MONOTRON_FROM_SCRATCH "$from_scratch" 'true|false' 'true or false'
check MONOTRON_SEMREL "$semrel" 'true|false' 'true or false'
check MONOTRON_ACCOUNT "${account:-1}" '[1-9][0-9]{0,18}' 'the id of an account, a positive number'
check MONOTRON_TIMEOUT "$timeout" '[1-9][0-9]{0,3}' 'a number of seconds from 1 to 9999'
check MONOTRON_RETRIES "$retries" '0|[1-9][0-9]?' 'a number from 0 to 99'
check MONOTRON_TAG_PREFIX "$tag_prefix" '([0-9A-Za-z_@][0-9A-Za-z._/+@-]{0,99})?' 'letters, digits and . _ / + @ -, such as v or api/v'
check MONOTRON_ON_UNAVAILABLE "$on_unavailable" 'fail|skip' 'fail or skip'
check MONOTRON_ON_NO_CREDENTIALS "$on_no_credentials" 'fail|skip' 'fail or skip'
check MONOTRON_INITIAL_VALUE "$initial_value" '(0|[1-9][0-9]{0,17})?' 'a number, the last one that was assigned'
check MONOTRON_DOTENV_PREFIX "$dotenv_prefix" '[A-Za-z_][A-Za-z0-9_]{0,63}' 'a prefix of variable names, such as MONOTRON_'
check MONOTRON_SINCE "$since" '([0-9A-Za-z_][0-9A-Za-z._/+@-]{0,250})?' 'a commit, a tag or a branch'
paths=$(printf '%s\n' "$paths" | tr -d '\r' | sed '/^[[:space:]]*$/d')
[ "$mode:$bump" = semver:auto ] || [ -z "$since$paths" ] || fail 'MONOTRON_SINCE and MONOTRON_PATHS require MONOTRON_BUMP auto.'
[ "$from_scratch" = false ] || [ -z "$initial" ] || fail 'MONOTRON_FROM_SCRATCH cannot be combined with MONOTRON_INITIAL_VERSION.'
[ -z "$exact_version" ] || [ -n "${MONOTRON_INPUT_VERSION:-}" ] || [ -z "${MONOTRON_IS_LATEST:-}" ] ||
  fail 'MONOTRON_VERSION comes from the report of an earlier job.' 'The name of this variable is that of an option, too. Read no reports:

monotron-version:
  dependencies: []'
[ -z "$exact_version" ] || [ "$bump" = patch ] || fail "MONOTRON_VERSION cannot be combined with MONOTRON_BUMP $(printable "$bump")."
[ "$bump:$prerelease" != final:branch ] || fail 'MONOTRON_BUMP final cannot be combined with MONOTRON_PRERELEASE branch.'
[ -z "$initial_value" ] || [ "$mode" = counter ] || fail 'MONOTRON_INITIAL_VALUE requires MONOTRON_MODE counter. For versions, set MONOTRON_INITIAL_VERSION.'
[ "$mode:$semrel" != counter:true ] || fail 'MONOTRON_SEMREL requires MONOTRON_MODE semver.'

# `branch` stands for the label or the line of the branch. A merge request belongs to its target branch.
if [ "$prerelease" = branch ] || [ "$line" = branch ]; then
  branch=${CI_COMMIT_BRANCH:-} branch_label=
  [ -z "${CI_COMMIT_TAG:-}" ] || branch=
  if [ "$merge_request" = true ]; then
    branch=${CI_MERGE_REQUEST_TARGET_BRANCH_NAME:-${CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME:-}}
    branch_label=pr-${CI_MERGE_REQUEST_IID:-${CI_EXTERNAL_PULL_REQUEST_IID:-}}
  fi
  branch_line=
  [ -n "${CI_DEFAULT_BRANCH:-}" ] || fail 'CI_DEFAULT_BRANCH is not set.' 'Set MONOTRON_PRERELEASE and MONOTRON_LINE explicitly.'
  if [ -n "$branch" ] && [ "$branch" != "$CI_DEFAULT_BRANCH" ]; then
    branch_line=$(line_of_name "$branch")
    [ -n "$branch_label$branch_line" ] || branch_label=$(label_of_name "$branch")
  fi
  if [ "$prerelease" = branch ]; then
    prerelease=$branch_label
    printf 'prerelease: %s (from the branch)\n' "${prerelease:-none}"
  fi
  if [ "$line" = branch ]; then
    line=$branch_line
    printf 'line: %s (from the branch)\n' "${line:-none}"
  fi
fi

# Before the merge, a merge request gets a preview or a pre-release, but never a final version. In a merge train,
# its commit is a temporary one, which gets a preview only.
if [ "$merge_request:$mode" = true:semver ]; then
  if [ -z "$prerelease" ] || [ "${CI_MERGE_REQUEST_EVENT_TYPE:-}" = merge_train ]; then
    if [ "$dry_run" = false ] && [ "$bump" != none ]; then
      printf 'Preview only: a merge request never gets a final version.\n'
    fi
    dry_run=true
  fi
else
  dry_run=${dry_run:-$merge_request}
fi
dry_run=${dry_run:-false}

while [ "${url%/}" != "$url" ]; do url=${url%/}; done
url=${url%/v1}
while [ "${url%/}" != "$url" ]; do url=${url%/}; done
url_hint='Set only scheme, host, port and path, without credentials, query or fragment:

variables:
  MONOTRON_URL: https://monotron.example.com'
[ -n "$url" ] || fail 'MONOTRON_URL is missing.' "$url_hint"
port_and_path='(:[0-9]{1,5})?(/[0-9A-Za-z._~%+:/-]*)?'
matches "$url" "https://([0-9A-Za-z._-]+|\[[0-9A-Fa-f:.]+])$port_and_path" ||
  matches "$url" "http://(localhost|127\.0\.0\.1|\[::1])$port_and_path" ||
  fail 'MONOTRON_URL must be an https:// URL, because the API key is sent with every request. http:// is allowed for localhost only.' "$url_hint"

if [ -z "$name" ] && [ -n "${CI_PROJECT_PATH:-}" ]; then
  name=gl:$(printf '%s' "$CI_PROJECT_PATH" | tr / :) # some proxies reject an encoded slash
fi
api=/v1${account:+/accounts/$account}
name_segment=$(path_segment name "$name" MONOTRON_NAME)
if [ -z "$token" ] && [ "$bump" != none ]; then
  if [ "$mode" = counter ]; then # one number per pipeline
    token=${CI_PIPELINE_ID:+gl-${CI_SERVER_HOST:-}-$CI_PIPELINE_ID}
  else # one version per commit; GitLab creates a temporary commit for merged results
    token=${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-${CI_COMMIT_SHA:-}}
  fi
fi
! matches "$(printf '%s' "$token" | tr -d '[:space:]' | tr '[:lower:]' '[:upper:]')" '(@|(FETCH_)?HEAD)([~^@{].*)?' ||
  fail "$(printable "$token") is a different commit in every build." 'Use the commit hash.'
variable='[A-Za-z_][A-Za-z0-9_.]*'
! matches "$token" " *([$]$variable|[$][{].*[}]|[$][(]${variable}[)]|%$variable%) *" ||
  fail "The token '$(printable "$token")' is a variable that was not expanded." 'All builds would share it. Check the name of the variable and the quoting, or use the commit hash.'
# The history of a merge request consists of its own commits and those of the target branch. The temporary
# commit of a merged result contains both.
head=${CI_COMMIT_SHA:-} target_branch=
if [ "$merge_request" = true ]; then
  target_branch=${CI_MERGE_REQUEST_TARGET_BRANCH_NAME:-${CI_EXTERNAL_PULL_REQUEST_TARGET_BRANCH_NAME:-}}
fi
if is_hash "$token" && [ "$token" != "${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-$head}" ]; then
  head=$token target_branch=
fi
token_segment=
if [ -n "$token" ] || [ "$bump" != none ]; then # without a token, bump none reads the latest
  token_segment=/$(path_segment token "$token" MONOTRON_IDEMPOTENCY_TOKEN)
fi

command -v curl >/dev/null || fail 'curl is missing in this image.' 'Use an image that contains it:

monotron-version:
  image:
    name: docker.io/library/buildpack-deps:bookworm-scm
    entrypoint: [""]'

end=$(($(date +%s) + timeout))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

write_header() ( # writes the Authorization header to a file that only this user can read
  set +x # a shell trace does not show the credential
  umask 077
  basic=
  variable=MONOTRON_API_KEY secret=${MONOTRON_API_KEY:-}
  [ -n "$secret" ] || variable=MONOTRON_ID_TOKEN secret=${MONOTRON_ID_TOKEN:-}
  case $secret in
    *[!!-~]* | *[\"\'\\]*) fail "$variable contains spaces, line breaks, quotes or other invalid characters." 'Copy it again, completely and on one line.' ;;
    '$'*) fail "$variable refers to a variable that does not exist here." 'Protected variables exist on protected branches and tags only.' ;;
    *:*)
      basic=$(printf '%s' "$secret" | base64 | tr -d '\n')
      printf 'Authorization: Basic %s\n' "$basic"
      ;;
    ?*) printf 'Authorization: Bearer %s\n' "$secret" ;;
  esac >"$work/header"
  # A response may contain the credential: sed redacts it, also by means of a file.
  for text in "$secret" "$basic" "${secret#*:}" "${MONOTRON_GITLAB_TOKEN:-}" "${CI_JOB_TOKEN:-}"; do
    printf '%s\n' "$text" | sed 's/[][\\.*^$/]/\\&/g; s/..*/s\/&\/***\/g/'
  done >"$work/redactions"
  if [ -n "${MONOTRON_GITLAB_TOKEN:-}" ]; then
    printf 'PRIVATE-TOKEN: %s\n' "$MONOTRON_GITLAB_TOKEN"
  elif [ -n "${CI_JOB_TOKEN:-}" ]; then
    printf 'JOB-TOKEN: %s\n' "$CI_JOB_TOKEN"
  fi >"$work/gitlab-header"
)
write_header
redactions=$work/redactions

unexpected() { # description of the response: fails with it
  fail "Unexpected response from $url: $1." "Check that MONOTRON_URL is the URL of a Monotron server. A sign-in page or a proxy may be in front of it. Check with: curl $url/v1 (prints: API v1)"
}

unavailable() { # message, hint: the server cannot be reached
  [ "$on_unavailable" = fail ] || skip "$1" MONOTRON_ON_UNAVAILABLE
  fail "$1" "$2"
}

header() { # name: prints the value of this header of the response
  grep -i "^$1:" "$work/headers" | tail -n 1 | sed 's/^[^:]*: *//; s/[[:space:]]*$//' || :
}

decoded() { # prints percent-encoded input
  awk 'BEGIN { for (i = 0; i < 256; i++) byte[sprintf("%02X", i)] = sprintf("%c", i) }
    {
      while (match($0, /%[0-9A-F][0-9A-F]/)) {
        printf "%s%s", substr($0, 1, RSTART - 1), byte[substr($0, RSTART + 1, 2)]
        $0 = substr($0, RSTART + 3)
      }
      print
    }'
}

send_once() { # arguments for curl: one attempt. Sets $exit_code, $status, $type and, if it may be repeated, $cause
  exit_code=0 cause=''
  : >"$work/body"
  : >"$work/headers"
  seconds_left=$((end - $(date +%s)))
  [ "$seconds_left" -gt 0 ] || seconds_left=1
  # Without --location, no redirect receives the credential. Without --fail, errors keep their body.
  result=$(curl --disable --globoff --silent --show-error --proto '=https,http' \
    --max-time "$((seconds_left < 20 ? seconds_left : 20))" --user-agent monotron-gitlab \
    --output "$work/body" --dump-header "$work/headers" --write-out '%{http_code} %{content_type}' \
    "$@" 2>"$work/errors") || exit_code=$?
  status=${result%% *} type=${result#* }
  type=${type%%;*}
  error=$(printable "$(head -n 1 "$work/errors")")
  case $exit_code:$status:$error in
    0:408:* | 0:429:* | 0:50[0234]:*) cause="HTTP $status" ;;
    5:* | 6:* | 7:* | 16:* | 18:* | 28:* | 52:* | 55:* | 56:* | 92:*) cause=$error ;;
    35:*reset* | 35:*SYSCALL* | 35:*eof*) cause=$error ;; # the connection was lost
  esac
}

send() { # arguments for curl: repeats the request until it succeeds or fails permanently
  pause=1 attempts=0
  while send_once "$@" && [ -n "$cause" ] && [ "$attempts" -lt "$retries" ]; do
    wait=$(header Retry-After)
    matches "$wait" '0|[1-9][0-9]{0,4}' && [ "$exit_code" = 0 ] || wait=$pause
    [ $(($(date +%s) + wait)) -lt "$end" ] || return 0
    attempts=$((attempts + 1))
    warn "$cause; retrying in $wait s ($attempts/$retries)"
    sleep "$wait"
    pause=$((pause < 8 ? pause * 2 : 8))
  done
}

request() { # method, path, more arguments for curl. $code is empty if the response is in $work/body
  method=$1 target=$url$2 code=''
  shift 2
  case $url in http:*) set -- --noproxy '*' "$@" ;; esac # unencrypted requests stay on this machine
  send --header "@$work/header" --max-filesize 65536 --request "$method" "$@" -- "$target"
  [ "$exit_code" = 0 ] || no_response
  expires=$(header Monotron-Key-Expires)
  matches "$expires" '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z' || expires=
  case $on_unavailable:$status in skip:408 | skip:50[0234]) skip "$url returned $status." MONOTRON_ON_UNAVAILABLE ;; esac
  accepted=text/plain
  case $target in *'?format=json'*) accepted=application/json ;; esac
  case $status:$type in
    "200:$accepted") ;;
    3??:*) fail "$url redirects to another URL. The job does not follow it, because the API key would be sent there." 'If that URL is your Monotron server, set MONOTRON_URL to it.' ;;
    *:application/problem+json)
      problem=$(tr -d '\000-\037\177' <"$work/body")
      code=$(printf '%s\n' "$problem" | sed -nE 's/.*"code": *"([a-z_]+)".*/\1/p')
      detail=$(printf '%s\n' "$problem" | sed -nE 's/.*"detail": *"(([^"\\]|\\.)*)".*/\1/p' | sed -E 's/\\(["\\/])/\1/g')
      [ -n "$code" ] || unexpected "status $status without an error code"
      ;;
    *) unexpected "status $status with content type '$(printable "$type")'" ;;
  esac
}

no_response() { # explains the exit code of curl
  [ -z "$cause" ] || unavailable "No response from $url: $cause." 'Check MONOTRON_URL and that the server is running, or increase MONOTRON_TIMEOUT. Retrying is safe: run the job again.'
  case $exit_code:$error in
    2:*) fail "curl is too old: $error" 'Use an image with curl 7.55 or newer, such as docker.io/library/buildpack-deps:bookworm-scm.' ;;
    35:*wrong?version?number* | 35:*unexpected?TLS?packet*) fail "$url does not use TLS. It responds to plain HTTP only." 'Check the port in MONOTRON_URL, or set up TLS on the server.' ;;
    *) fail "No response from $url: $error." 'Check MONOTRON_URL, and the certificate of the server.' ;;
  esac
}

fail_with_problem() { # the server's own explanation, and what to change in the pipeline
  hint=
  case $code in
    unauthenticated)
      if [ "$on_no_credentials:${MONOTRON_API_KEY:+set}${MONOTRON_ID_TOKEN:+set}" = skip: ]; then
        skip 'This job has no credentials.' MONOTRON_ON_NO_CREDENTIALS
      fi
      hint="Add the API key as the masked variable MONOTRON_API_KEY in Settings > CI/CD > Variables. Protected variables exist on protected branches and tags only. Or sign in without a stored secret:

monotron-version:
  id_tokens:
    MONOTRON_ID_TOKEN:
      aud: $url"
      [ "${MONOTRON_API_KEY:+key}${MONOTRON_ID_TOKEN:+token}" != token ] || hint="Add a trust policy for this job, or run the job only on branches that have one:

monotron trust gitlab $(printable "${CI_PROJECT_PATH:-GROUP/PROJECT}") --branch …"
      ;;
    forbidden) hint='Set MONOTRON_API_KEY to a key with the scope read,write:series for this name.' ;;
    ambiguous_account) hint='Set the id of your account:

variables:
  MONOTRON_ACCOUNT: "1"' ;;
    token_taken) hint='To accept the version that this commit already has:

variables:
  MONOTRON_ON_CONFLICT: reuse' ;;
    version_withdrawn) hint='If it is the version of this commit, build a new commit, or assign this one a new version:

variables:
  MONOTRON_ON_WITHDRAWN: new' ;;
    invalid_request | invalid_bump | invalid_version | out_of_line | line_not_found)
      hint='Each parameter has a variable of its name, such as MONOTRON_BUMP. Some names differ: MONOTRON_INITIAL_VERSION and MONOTRON_INITIAL_VALUE set initial, MONOTRON_BUILD_METADATA sets metadata.'
      [ "$mode" = semver ] || hint="MONOTRON_MODE counter does not allow options of versions. $hint"
      ;;
  esac
  case $status in 401 | 403 | 429 | 500)
    id=$(header X-Request-Id)
    ! matches "$id" '[A-Za-z0-9._-]{1,64}' || detail="$detail The server's log has the reason under the request id $id."
    ;;
  esac
  fail "$code ($status): $(printable "$detail")" "$hint"
}

read_value() { # name, expression: sets $value to the value of the only line with this name
  [ "$(grep -c "^$dotenv_prefix$1=" "$work/body")" = 1 ] || unexpected "not exactly one line $dotenv_prefix$1"
  value=$(sed -n "s/^$dotenv_prefix$1=//p" "$work/body")
  matches "$value" "$2" || unexpected "an invalid value of $dotenv_prefix$1"
}

read_creator() { # checks that the response belongs to the account, if it is set
  read_value CREATOR_ID '[1-9][0-9]{0,18}'
  [ "$value" = "${account:-$value}" ] ||
    fail "The response belongs to account $value, not to account $account." 'Check that MONOTRON_URL is the URL of your Monotron server, and that no proxy changes the paths of requests.'
}

check_lines() { # minimum number of lines; a newer server may send more variables, which are ignored
  [ "$(wc -l <"$work/body")" -ge "$1" ] || unexpected "fewer than $(($1)) lines"
  ! grep -Eqvx -e "${dotenv_prefix}[A-Z][A-Z0-9_]*=[ -~]*" "$work/body" || unexpected 'a line that is not a variable'
}

output() { # name, value: a variable for later jobs
  printf '%s=%s\n' "$dotenv_prefix$1" "$2" >>"$work/env"
}

add() { # parameter, value: extends $query unless the value is empty
  [ -z "$2" ] || query="$query&$1=$(encoded "$2")"
}

read_entry() { # method, path: sets $number and $reused, to 0 and false if nothing is assigned yet
  request "$1" "$2?$query"
  case $1:$code in
    *:) ;;
    GET:series_not_found | GET:entry_not_found) number=0 reused=false creator=; return ;;
    *) fail_with_problem ;;
  esac
  check_lines 4
  read_creator
  creator=$value
  read_value REUSED 'true|false'
  reused=$value
  read_value VALUE '[1-9][0-9]{0,18}'
  read_value BUILD_NUMBER "$value"
  number=$value
}

number_of_pipeline() { # counter mode: writes the variables and the line for the log
  series=$api/series/$name_segment
  if [ "$bump" = none ]; then
    read_entry GET "$series$token_segment"
    note='. Nothing was assigned.'
  elif [ "$dry_run" = true ]; then
    read_entry GET "$series$token_segment"
    if [ "$number" = 0 ]; then
      read_entry GET "$series"
      [ "$number" != 0 ] || number=${initial_value:-0}
      [ "$number" != 9223372036854775807 ] || fail 'The series is at its last value.' 'Set MONOTRON_NAME to another name.'
      number=$((number + 1)) reused=false
    fi
    note='. Preview: nothing was assigned.'
  else
    query="reuse=any&$query"
    add initial "$initial_value"
    read_entry PUT "$series$token_segment"
  fi
  output VALUE "$number"
  output BUILD_NUMBER "$number"
  output REUSED "$reused"
  output CREATOR_ID "$creator"
  printf 'Monotron: %s%s\n' "$number" "$note"
}

list() { # text: prints its words, which are separated by commas or spaces, with commas
  printf '%s' "$1" | tr -s ', \t\n' ',' | sed 's/^,//; s/,$//'
}

labels() { # prints a comma-separated list as lines, trimmed and in lower case; nothing for none
  printf '%s\n' "$1" | tr ',[:upper:]' '\n[:lower:]' | sed 's/^[[:space:]]*//; s/[[:space:]]*$//; /^$/d; /^none$/d'
}

write_labels() { # writes the labels that decide to files, and sets $labels_set if the pipeline itself names any
  labels "$skip_labels" >"$work/skip"
  labels "${major_labels:-major}" >"$work/major"
  labels "${minor_labels:-minor}" >"$work/minor"
  labels "${patch_labels:-patch}" >"$work/patch"
  minor_type=$(list "$minor_types")
  minor_type=${minor_type%%,*}
  labels_set=$(labels "$skip_labels,$major_labels,$minor_labels,$patch_labels")
}

label_message() { # file of labels, number of their merge request: prints the message that a label requests, if one decides
  for kind in skip major minor patch; do
    [ -s "$work/$kind" ] || continue
    found=$(grep -Fx -f "$work/$kind" "$1" | head -n 1) || :
    [ -n "$found" ] || continue
    found="label '$found' of !$2"
    case $kind in
      skip) printf '%s [skip release]\n' "$found" ;;
      major) printf 'feat!: %s\n' "$found" ;;
      minor) printf '%s: %s\n' "${minor_type:-feat}" "$found" ;;
      patch) printf 'fix: %s\n' "$found" ;;
    esac
    return 0
  done
}

is_secure() { # URL: whether a credential may be sent there
  matches "$1" 'https://[^/@]+/.*' || matches "$1" 'http://(localhost|127\.0\.0\.1|\[::1])(:[0-9]+)?/.*'
}

gitlab_api() { # path below the project: sets $problem unless the response, in $work/body, is a success
  problem='CI_API_V4_URL is not an https:// URL'
  is_secure "${CI_API_V4_URL:-}/" || return 0
  problem='it took too long'
  [ "$(date +%s)" -lt "$end" ] || return 0
  send --header "@$work/gitlab-header" --max-filesize 20000000 ${CI_SERVER_TLS_CA_FILE:+--cacert "$CI_SERVER_TLS_CA_FILE"} \
    -- "$CI_API_V4_URL/projects/${CI_PROJECT_ID:-}/$1"
  case $exit_code:$status:$type in
    0:200:application/json) problem= ;;
    0:*) problem="GitLab returned $status" ;;
    *) problem=$error ;;
  esac
}

members() { # prints the members of the objects in a JSON list, one a line, with an empty line after each object
  # Without escapes, each quote begins or ends a text. Line breaks are \003 then.
  tr -d '\000-\037' <"$work/body" | awk '
    {
      gsub(/\\\\/, "\002"); gsub(/\\"/, "\001"); gsub(/\\n/, "\003"); gsub(/\\r/, ""); gsub(/\\t/, " ")
      gsub(/\\u003[cC]/, "<"); gsub(/\\u003[eE]/, ">"); gsub(/\\u0026/, "\\&"); gsub(/\\u0027/, "\047")
      gsub(/\\u[0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f][0-9A-Fa-f]/, "?"); gsub(/\\./, "?")
      n = split($0, part, "\"")
      for (i = 1; i <= n; i++) {
        if (i % 2) {
          for (j = 1; j <= length(part[i]); j++) {
            c = substr(part[i], j, 1)
            if (c ~ /[[{]/) depth++
            else if (c ~ /[]}]/ && --depth == 1) print ""
          }
        } else if (depth == 2 && part[i + 1] ~ /^ *:/) {
          name = part[i]
          value = part[i + 1]
          gsub(/[ :]|[],}].*/, "", value)
          if (value ~ /^[^[{]/) print name "\t" value
        } else if (depth == 2 || (depth == 3 && name == "labels")) {
          print name "\t" part[i]
        }
      }
    }' | tr '\001\002' '"\134'
}

merged_requests() { # commit: prints the numbers of its merged merge requests, each with one of its labels in lower case
  gitlab_api "repository/commits/$1/merge_requests?state=merged&per_page=100"
  unknown='The labels of merged merge requests are unknown'
  case $problem in
    '') ;;
    *40[134]) fail "$unknown: $problem for the merge requests of a commit." 'The job token can read them in GitLab 18.3 and newer. Otherwise, set the masked variable MONOTRON_GITLAB_TOKEN to a project access token with the scope read_api, or remove the variables for labels.' ;;
    *) fail "$unknown: $problem." 'Run the job again, or remove the variables for labels.' ;;
  esac
  members | awk -F '\t' '
    $1 == "iid" && $2 ~ /^[0-9]+$/ { iid = $2 }
    $1 == "state" { state = $2 }
    $1 == "labels" { labels[++n] = tolower($2) }
    $0 == "" {
      if (state == "merged") for (i = 1; i <= n; i++) print iid "\t" labels[i]
      iid = state = ""
      n = 0
    }'
}

look_up_labels() { # writes the commits whose merge requests have a label that decides, and the messages that replace theirs
  [ "$(wc -l <"$work/all")" -le 100 ] ||
    fail "The labels of the merge requests of $commits are unknown, because at most 100 commits are looked up." 'Read fewer commits with MONOTRON_SINCE or MONOTRON_INITIAL_VERSION, or remove the variables for labels.'
  while read -r commit <&3; do
    is_hash "$commit" || continue
    merged_requests "$commit" >"$work/requests"
    cut -f 1 "$work/requests" | sort -u >"$work/numbers"
    while read -r number; do
      awk -F '\t' -v number="$number" '$1 == number { print $2 }' "$work/requests" >"$work/found"
      label_message "$work/found" "$number" >"$work/message"
      [ ! -s "$work/message" ] || printf '%s\n' "$commit" >>"$work/labelled"
      cat "$work/message" >>"$work/label-messages"
    done <"$work/numbers"
  done 3<"$work/all"
}

is_commit() {
  git rev-parse --quiet --verify "$1^{commit}" >/dev/null 2>&1
}

find_repository() { # sets $repository to the URL of the project, without the job token in it
  repository=$(
    set +x # a shell trace does not show the credentials in the URL, and all users see arguments
    address=${CI_REPOSITORY_URL:-}
    host=${address#*://}
    host=${host%%/*}
    printf '%s' "${address%%://*}://${host##*@}/${address#*://*/}"
  )
  missing='CI_REPOSITORY_URL is not an https:// URL'
  is_secure "$repository" || return 1
  missing=
}

remote_git() ( # arguments: runs git with the job token, which only its environment contains
  set +x # a shell trace does not show the credential
  unset GIT_ALLOW_PROTOCOL
  GIT_TERMINAL_PROMPT=0 GIT_CONFIG_COUNT=0
  export GIT_TERMINAL_PROMPT GIT_CONFIG_COUNT
  if [ -n "${CI_JOB_TOKEN:-}" ]; then # no redirect receives it
    GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_1=http.followRedirects GIT_CONFIG_VALUE_1=false
    GIT_CONFIG_KEY_0=http.$repository.extraHeader
    GIT_CONFIG_VALUE_0="Authorization: Basic $(printf 'gitlab-ci-token:%s' "$CI_JOB_TOKEN" | base64 | tr -d '\n')"
    export GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 GIT_CONFIG_KEY_1 GIT_CONFIG_VALUE_1
  fi
  if [ -z "${GIT_SSL_CAINFO:-}" ] && [ -n "${CI_SERVER_TLS_CA_FILE:-}" ]; then
    export GIT_SSL_CAINFO="$CI_SERVER_TLS_CA_FILE"
  fi
  limit=$(((end - $(date +%s)) / 2)) # the other half remains for the request
  [ "$limit" -gt 0 ] || limit=1
  set -- git -C "$work" "$@"
  ! command -v timeout >/dev/null || set -- timeout "$limit" "$@"
  "$@" </dev/null 2>"$work/git-errors"
)

fetch() { # revision, name: fetches it as the reference refs/monotron/NAME
  filter=tree:0 # commits without files
  [ -z "$paths" ] || filter=blob:none
  remote_git fetch --quiet --no-tags --filter="$filter" "$repository" "+$1:refs/monotron/$2"
}

git_failed() { # command: sets $missing
  git_error=$(sed -n '/^fatal: /{p;q;}' "$work/git-errors")
  git_error=$(printable "${git_error:-$(head -n 1 "$work/git-errors")}")
  missing="git $1 failed: ${git_error:-it took too long}" # timeout ended it then
}

in_this_clone() { # revision: sets $start to its commit
  is_commit "$1" && start=$(git rev-parse --verify "$1^{commit}")
}

fetched() { # revision: sets $start to its commit, or $unknown to the reason why it may exist nevertheless
  if is_hash "$1" && in_this_clone "$1"; then return; fi # a tag such as 2024 takes precedence over an abbreviated hash
  if fetch "$1" start; then
    in_this_clone refs/monotron/start
    return
  fi
  # git and JGit report these for a reference or a commit that the remote does not have.
  grep -Eq "not our ref|couldn't find remote ref|unadvertised object|want [0-9a-f]+ not valid|invalid refspec" "$work/git-errors" || {
    git_failed fetch
    unknown=$missing
    return 1
  }
  in_this_clone "$1"
}

from_api() { # revision: sets $start to its commit, or $unknown to the reason why it may exist nevertheless
  gitlab_api "repository/commits/$(encoded "$1")"
  case $problem in
    '') ;;
    'GitLab returned 404') return 1 ;;
    *) unknown=$problem && return 1 ;;
  esac
  { printf '[' && cat "$work/body" && printf ']'; } >"$work/list"
  mv "$work/list" "$work/body"
  start=$(members | awk -F '\t' '$1 == "id" { print $2 }')
  is_hash "$start"
}

write_starts() { # writes where the commits that count may begin: a version and a revision, the best choice first
  case $base:$since:$initial in
    *:?*:*) printf '%s %s\n' "$since" "$since" ;;
    none::) ;; # the complete history
    none::*) printf '%s %s\n' "${initial#v}" "refs/tags/$tag_prefix${initial#v}" ;;
    *) printf '%s %s\n' ${auto_after:+"$base" "$auto_after"} "$base" "refs/tags/$tag_prefix$base" ;;
  esac >"$work/starts"
}

write_older_starts() { # writes the releases before the newest version
  request GET "$api/releases/$name_segment?format=text&label=&limit=20&before=$base"
  [ -z "$code" ] || fail_with_problem
  sed -nE 's/^([0-9]+\.[0-9]+\.[0-9]+)(\+[^ ]*)?( .*)?$/\1\3/p' "$work/body" >"$work/releases"
  while read -r version commit; do
    ! is_hash "$commit" || printf '%s %s\n' "$version" "$commit"
    printf '%s %s\n' "$version" "refs/tags/$tag_prefix$version"
  done <"$work/releases" >"$work/starts"
}

find_start() { # command that sets $start to the commit of a revision: sets $start_version, too. $start is empty for the complete history
  unknown=''
  write_starts
  ! try_starts "$1" || return 0
  [ -z "$unknown" ] || return 1
  [ "$base$since" != none ] || return 0
  [ -z "$since" ] && [ "$1" != in_this_clone ] || return 1
  write_older_starts
  try_starts "$1"
}

try_starts() { # command: as find_start, with the starts in the file
  while read -r start_version after <&3; do
    ! "$1" "$after" || return 0
    [ -z "$unknown" ] || break
  done 3<"$work/starts"
  start='' start_version=''
  return 1
}

list_commits() { # writes the commits that count, and of these the ones that the target branch of a merge request contains
  set -- ${start:+"^$start"} --
  git rev-list --parents "$head" ${target_branch:+refs/monotron/target} "$@" >"$work/history" 2>"$work/git-errors" || return 1
  cut -d ' ' -f 1 "$work/history" >"$work/all"
  : >"$work/others"
  [ -z "$target_branch" ] || git rev-list refs/monotron/target "$@" >"$work/others" 2>"$work/git-errors" || return 1
  [ -z "$paths" ] || select_changing
}

select_changing() { # keeps the commits that change MONOTRON_PATHS in the branch that they belong to
  set --
  while read -r pattern; do
    case $pattern in
      /* | :* | !* | ../*) fail "MONOTRON_PATHS must contain paths from the root of the repository, not '$(printable "$pattern")'." ;;
      *) set -- "$@" ":(top,glob)$pattern" ;;
    esac
  done <<PATHS
$paths
PATHS
  # git log compares a merge with all parents, and so lists those of branches created before the last change.
  cut -d ' ' -f 1,2 "$work/history" >"$work/pairs"
  write_differing "$@" || return 1
  cp "$work/differing" "$work/all"
  # A merge of commits outside of the range, such as released ones, differs from its first parent only. So without
  # a commit that is not a merge, a merge must differ from all of its parents.
  awk 'NR == FNR { differing[$1]; next } NF > 2 && $1 in differing' "$work/all" "$work/history" >"$work/merges"
  if [ "$(wc -l <"$work/merges")" = "$(wc -l <"$work/all")" ]; then
    awk '{ for (i = 3; i <= NF; i++) print $1, $i }' "$work/merges" >"$work/pairs"
    write_differing "$@" || return 1
    awk 'NR == FNR { parents[$1]++; next } parents[$1] == NF - 2 { print $1 }' "$work/differing" "$work/merges" >"$work/all"
  fi
  awk 'NR == FNR { counts[$0]; next } $0 in counts' "$work/all" "$work/others" >"$work/kept"
  mv "$work/kept" "$work/others"
}

write_differing() { # patterns: writes the commits of the pairs of a commit and its parent that differ in these files
  git diff-tree --stdin --root -r --no-renames -- "$@" <"$work/pairs" >"$work/differences" 2>"$work/git-errors" || return 1
  grep -v '^:' "$work/differences" >"$work/differing" || : # each commit is followed by its files
}

messages() { # file of commits: prints their messages, each followed by NUL
  [ -s "$1" ] || return 0
  case $source in
    git) git log -z --stdin --no-walk=unsorted --no-mailmap --no-show-signature --encoding=UTF-8 --format=%B <"$1" ;;
    api) awk -F '\t' 'NR == FNR { counts[$1]; next } $1 in counts { print $2 "\004" }' "$1" "$work/api" | tr -d '\n' | tr '\003\004' '\n\000' ;;
    event) [ "$head" != "${CI_COMMIT_SHA:-}" ] || printf '%s' "${CI_COMMIT_MESSAGE:-}" ;;
  esac
}

in_clone() { # reads the commits from the clone of the job, if it has one that is complete
  unset GIT_DIR
  # The clone can belong to another user. Without a protocol, git fetches no missing objects into a partial clone.
  GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=${CI_PROJECT_DIR:-$PWD} GIT_ALLOW_PROTOCOL=none
  export GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0 GIT_ALLOW_PROTOCOL
  # A shallow clone can contain both ends of a range and miss commits between them.
  [ "$(git rev-parse --is-shallow-repository 2>/dev/null)" = false ] && is_commit "$head" && find_start in_this_clone && list_commits
}

unknown_since() {
  fail "MONOTRON_SINCE is '$since', which is not a commit, tag or branch of this repository."
}

in_own_repository() { # fetches the commits without files into a repository of its own
  find_repository || return 1
  GIT_DIR=$work/repository GIT_ALLOW_PROTOCOL=none # git itself fetches no missing objects, without the job token
  export GIT_DIR GIT_ALLOW_PROTOCOL
  [ -d "$GIT_DIR" ] || git init --quiet --bare
  if ! { is_commit "$head" || fetch "$head" head; } || { [ -n "$target_branch" ] && ! fetch "refs/heads/$target_branch" target; }; then
    git_failed fetch
    return 1
  fi
  find_start fetched || {
    missing=$unknown
    [ -z "$since" ] || [ -n "$missing" ] || unknown_since
    missing=${missing:-'the repository contains no commit and no tag of the last versions'}
    return 1
  }
  list_commits || {
    git_failed rev-list
    return 1
  }
}

api_range() { # revision, file: appends the commits up to the revision to the file, and their messages to $work/api
  page=1 number=100
  while [ "$number" = 100 ]; do
    gitlab_api "repository/commits?ref_name=$(encoded "${start:+$start..}$1")&per_page=100&page=$page"
    [ -z "$problem" ] || return 1
    members | awk -F '\t' '$1 == "id" { id = $2 } $1 == "message" { message = $2 } $0 == "" { print id "\t" message }' >"$work/page"
    cat "$work/page" >>"$work/api"
    cut -f 1 "$work/page" >>"$2"
    number=$(wc -l <"$work/page") page=$((page + 1))
  done
}

in_api() { # reads the commits with MONOTRON_GITLAB_TOKEN, because the job token cannot list commits
  [ "${MONOTRON_GITLAB_TOKEN:+set}" = set ] && [ -z "$paths" ] || return 1
  find_start from_api || {
    [ -z "$since" ] || [ -n "$unknown" ] || unknown_since
    missing="$missing; GitLab's API: ${unknown:-no commit and no tag of the last versions exists}"
    return 1
  }
  : >"$work/api"
  : >"$work/all"
  : >"$work/others"
  if { [ -n "$target_branch" ] && ! api_range "$target_branch" "$work/others"; } || ! api_range "$head" "$work/all"; then
    missing="$missing; GitLab's API: $problem"
    return 1
  fi
  cat "$work/others" >>"$work/all"
  awk '!seen[$0]++' "$work/all" >"$work/unique" && mv "$work/unique" "$work/all"
  missing=
}

read_commits() { # writes the commits since version $base, newest first, and sets $source, $start_version and $commits for the log
  missing='' source=git start='' start_version=''
  if ! is_hash "$head"; then
    missing="'$(printable "$head")' is not the complete hash of a commit"
  elif ! command -v git >/dev/null; then
    missing='this image has no git'
  else
    { [ -z "$target_branch" ] && in_clone; } || in_own_repository || :
  fi
  if [ -n "$missing" ] && is_hash "$head" && in_api; then source=api; fi
  if [ -n "$missing" ]; then
    read_event
    return
  fi
  case $base:$since:$start:${initial#v} in
    none::: | none:::0.0.0) ;;
    none:::*) warn "The tag $tag_prefix$(printable "${initial#v}") is not part of the repository. The complete history was read. MONOTRON_SINCE sets another start." ;;
  esac
  if [ -n "$start" ] && [ -z "$since" ] && [ "$base" != none ] && [ "$after" != "${auto_after:-"refs/tags/$tag_prefix$base"}" ]; then
    used=$start_version
    [ "$used" != "$base" ] || used="the tag $tag_prefix$base"
    warn "The commit of version $base is not part of the repository. The commits since $used were read. MONOTRON_SINCE sets another start."
  fi
}

read_event() { # uses the message of the pipeline's commit instead of the commits that are $missing
  [ -z "$paths" ] || fail "The commits that change MONOTRON_PATHS are unknown: $missing." 'Use an image with git that can reach GitLab, because the job fetches the commits itself.'
  warn "Only the message of one commit was read: $missing. Earlier commits without a version may be missing. MONOTRON_SINCE sets the start explicitly."
  source=event start=''
  printf '%s\n' "$head" >"$work/all"
  : >"$work/others"
}

count() { # file of commits: sets $commits, for the log
  commits=$(($(wc -l <"$1")))
  [ "$commits" = 1 ] && commits='1 commit' || commits="$commits commits"
  case $source:$start in
    event:*) commits="$commits of the pipeline" ;;
    *:) commits="all $commits" ;;
    *) commits="$commits since $start_version" ;;
  esac
}

without() { # two files of lines: prints those of the first that are not in the second
  awk 'NR == FNR && FILENAME == ARGV[1] { excluded[$0]; next } !($0 in excluded)' "$2" "$1"
}

apply_labels() { # writes the messages that labels request to $work/label-messages, and the commits whose messages count to $work/counted
  : >"$work/labelled"
  : >"$work/label-messages"
  count "$work/all"
  if [ "$merge_request" = true ]; then
    without "$work/all" "$work/others" >"$work/own"
    # The own commits include merges of the target branch. The commit of a merged result shows what remains of them.
    if [ "${paths:+set}${target_branch:+set}" = setset ] && [ "$head" != "${CI_MERGE_REQUEST_SOURCE_BRANCH_SHA:-$head}" ] &&
      ! grep -qx "$head" "$work/own"; then
      cp "$work/others" "$work/all"
      : >"$work/own"
    fi
    labels "${CI_MERGE_REQUEST_LABELS:-}" >"$work/found"
    [ ! -s "$work/own" ] || label_message "$work/found" "${CI_MERGE_REQUEST_IID:-}" >"$work/label-messages"
    [ ! -s "$work/label-messages" ] || cp "$work/own" "$work/labelled"
    [ -s "$work/own" ] && [ ! -s "$work/label-messages" ] || title=
  elif [ -n "$labels_set" ]; then
    look_up_labels
  fi
  without "$work/all" "$work/labelled" >"$work/counted"
}

write_text() { # merge method: writes the messages after such a merge to $work/text, and sets $commits
  counted=$work/counted first=$title
  count "$work/all"
  case $1:$title in
    fast-forward:*) first= ;;
    squash:?*) counted=$work/others && count "$counted" ;;
  esac
  [ -z "$first" ] || commits="the title and $commits"
  {
    [ -z "$first" ] || printf '%s\0' "$first"
    awk '!seen[$0]++' "$work/label-messages" | tr '\n' '\000'
    messages "$counted" || fail "The messages of $commits cannot be read."
  } >"$work/text"
  [ "$(wc -c <"$work/text")" -le 1048576 ] || shorten
  limit_bump
}

shorten() { # keeps only headers and footers of the messages, because the server accepts 1 MiB
  separator=$(printf '\001')
  footer='[A-Za-z][A-Za-z-]*(: | #)|(\*\*)?[Bb][Rr][Ee][Aa][Kk][Ii][Nn][Gg]|\[([Ss]kip|[Nn]o) [Rr]elease]|This reverts commit'
  tr -d '\001' <"$work/text" | tr '\000' '\001' |
    sed -nE -e '1b header' -e "/^$separator/b header" -e "/^($footer)/p" -e b -e ': header' -e p -e 's/.*//p' |
    tr '\001' '\000' >"$work/short"
  mv "$work/short" "$work/text"
  [ "$(wc -c <"$work/text")" -le 1048576 ] ||
    fail "The headers and footers of $commits exceed the 1 MiB that the server accepts." 'Set MONOTRON_BUMP, or read fewer commits with MONOTRON_SINCE.'
}

preview() { # sets $previewed and $previewed_bump to what the text would lead to
  requested=$query
  case "$query&" in *'&dry_run=true&'*) ;; *) query="$query&dry_run=true" ;; esac
  put_version
  query=$requested
  [ -z "$code" ] || return 1
  read_value CHANGED 'true|false'
  previewed='no release' previewed_bump=
  [ "$value" = true ] || return 0
  read_value VERSION '[0-9A-Za-z.+-]+'
  previewed=$value
  read_value RELEASE_TYPE '[a-z]+'
  previewed_bump=$value
}

limit_bump() { # of commits since an older release, which contributed to the releases since: a patch, unless they request more
  case $start:$since:$base:$source in :* | *:?*:*:* | *:none:* | *:event) return 0 ;; esac
  [ "$start_version" != "$base" ] && preview || return 0
  case $base in
    "${start_version%.*}".*) bumps='major minor' ;;
    "${start_version%%.*}".*) bumps='major' ;;
    *) bumps= ;;
  esac
  case " $bumps exact  " in *" $previewed_bump "*) return 0 ;; esac
  printf 'fix: %s' "$commits" >"$work/text"
}

compare_methods() { # logs the version of each possible merge method if they differ
  [ -n "$title" ] || return 0
  first_preview='' listed='' differ=false
  for merge_method in squash 'merge commit' fast-forward; do
    [ "$merge_method:${CI_MERGE_REQUEST_SQUASH_ON_MERGE:-}" != squash:false ] || continue
    write_text "$merge_method"
    preview || return 0
    [ "$previewed" = "${first_preview:=$previewed}" ] || differ=true
    listed="$listed${listed:+, }$previewed ($merge_method)"
  done
  [ "$differ" = false ] || printf 'The version depends on the merge method: %s\n' "$listed"
}

refuse_tags() { # fails if the project of a name without versions has tags of versions
  [ "${CI_REPOSITORY_URL:+set}" = set ] || return 0
  missing='this image has no git'
  if command -v git >/dev/null && find_repository; then
    remote_git ls-remote --tags --refs "$repository" "refs/tags/$tag_prefix*" >"$work/tags" || git_failed ls-remote
  fi
  if [ -n "$missing" ]; then
    warn "The tags of the repository cannot be read ($missing), so '$(printable "$name")' starts without them. If the project has earlier versions, continue from the last one: monotron adopt $(printable "$name") --version 1.4.2"
    return
  fi
  number='(0|[1-9][0-9]{0,18})'
  last=$(sed 's#.*refs/tags/##' "$work/tags" | cut -c "$((${#tag_prefix} + 1))-" | sed -nE "s/^($number\\.$number\\.$number)(\\+.*)?\$/\\1/p" |
    sort -t . -k 1,1n -k 2,2n -k 3,3n | tail -n 1)
  [ -z "$last" ] || fail "'$(printable "$name")' has no versions, but the repository has the tag $tag_prefix$last." "Continue from it, once in a terminal or with a variable:

monotron adopt $(printable "$name") --version $last

variables:
  MONOTRON_INITIAL_VERSION: \"$last\"

Or ignore the tags, and start from 0.0.0:

variables:
  MONOTRON_FROM_SCRATCH: \"true\""
}

member() { # name, expression: whether this member of the JSON object in the response has such a value
  grep -Eq "\"$1\": *($2)" "$work/body" # the quotes of texts are escaped
}

find_version() { # requests the version of the token, with its label, as JSON. Fails if the token has no version
  request GET "$path$token_segment?format=json${prerelease:+&prerelease=$(encoded "$prerelease")}"
  case $code in
    version_not_found) return 1 ;;
    ?*) fail_with_problem ;;
  esac
  { member withdrawn 'null|\{' && member prerelease 'null|"'; } || unexpected 'not a version'
}

has_version() { # whether the token has a version that was not withdrawn: a pre-release with the label, otherwise a final one
  find_version && member withdrawn null && { [ -n "$prerelease" ] || member prerelease null; }
}

warn_if_withdrawn() { # unless no version is found, which the next request reports
  find_version && member withdrawn '\{' || return 0
  warn "Version $(sed -nE 's/.*"version": *"([0-9A-Za-z.+-]+)".*/\1/p' "$work/body") was withdrawn."
}

newest_version() { # sets $base to the newest final version, or none, and $auto_after to the commit that auto reads from
  request GET "$path?format=dotenv&dotenv_prefix=$dotenv_prefix${line:+&line=$(encoded "$line")}"
  base=none auto_after=
  case $code in
    version_not_found) return ;;
    ?*) fail_with_problem ;;
  esac
  read_value VERSION '[0-9]+\.[0-9]+\.[0-9]+(\+.*)?'
  base=${value%%+*}
  read_value AUTO_AFTER '([0-9a-f]{40}([0-9a-f]{24})?)?'
  auto_after=$value
}

put_version() { # requests the version for $query and, with bump auto, the messages in $work/text
  set --
  [ "$bump" != auto ] || set -- --header 'Content-Type: text/plain' --data-binary "@$work/text"
  request PUT "$path$token_segment?$query$initial_required" "$@"
  [ "$code" = initial_required ] || return 0
  refuse_tags
  initial_required=
  request PUT "$path$token_segment?$query" "$@"
}

request_auto() { # requests the version that all commits since the newest version require
  reason='bump auto'
  based=$query
  write_labels
  for attempt in 1 2 3 4 5; do
    commits='' title=''
    if [ "$merge_request" = true ]; then # the draft mark is removed before the merge
      title=$(printf '%s\n' "${CI_MERGE_REQUEST_TITLE:-}" | sed -E '1s/^(\[[Dd]raft]|\([Dd]raft\)|[Dd]raft:) *//')
    fi
    : >"$work/text"
    query=$based
    if ! has_version; then
      newest_version
      query="$based&base=$base"
      read_commits
      apply_labels
      case ${CI_MERGE_REQUEST_SQUASH_ON_MERGE:-} in
        true) write_text squash ;;
        *) compare_methods && write_text 'merge commit' ;; # it contains the title
      esac
      [ "$source" != event ] || [ -s "$work/text" ] || fail "No commit messages were found: $missing."
    fi
    put_version
    [ "$code" = base_outdated ] || return 0
    printf 'Another pipeline was assigned a version, so the commits are read again (%s/5).\n' "$attempt"
  done
}

request_version() { # sends the request for the version, and sets $reason and $note for the log
  path=$api/versions/$name_segment
  if [ "$bump" = none ]; then
    reason='latest version' note='. Nothing was assigned.'
    [ -z "$token_segment" ] || { reason='version of the token' && warn_if_withdrawn; }
    request GET "$path$token_segment?$query"
    return
  fi
  if [ "$dry_run" = true ]; then
    add dry_run true
    note='. Preview: nothing was assigned.'
  fi
  if [ "$bump" = auto ]; then
    request_auto
  else
    put_version
  fi
}

version_fields() { # prints each variable of a version, its value if no version exists (-: empty), and its pattern
  integer='(0|[1-9][0-9]{0,18})'
  semver="$integer\.$integer\.$integer(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
  cat <<FIELDS
VERSION 0.0.0 $semver
TAG - v$semver
MAJOR 0 $integer
MINOR 0 $integer
PATCH 0 $integer
PRERELEASE_ID - [0-9A-Za-z.-]*
METADATA - [0-9A-Za-z.-]*
RELEASE_TYPE - [a-z]{0,20}
PREVIOUS_VERSION - ($semver)?
IS_LATEST false true|false
REUSED false true|false
CHANGED false true|false
PREVIOUS_TAG - (v$semver)?
PREVIOUS_COMMIT - ([0-9a-f]{40}([0-9a-f]{24})?)?
LATEST_IN_MAJOR false true|false
LATEST_IN_MINOR false true|false
DOCKER_TAG - [0-9A-Za-z._-]+
PEP440 - [0-9A-Za-z.+]*
DEB - [0-9A-Za-z.+~]+
RPM - [0-9A-Za-z.+~]*
MAVEN - [0-9A-Za-z.-]*
CREATOR_ID - [1-9][0-9]{0,18}
FIELDS
}

output_no_version() { # version: 0.0.0 means that no version exists, and has no tag. An empty one must not be published.
  version=0.0.0 changed=false previous=''
  : >"$work/env"
  version_fields | while read -r field none _; do
    [ -n "$1" ] || [ "$none" = false ] || none=-
    output "$field" "${none#-}"
  done
}

output_version() { # checks that each variable matches its pattern and that all describe the same version
  version_fields >"$work/fields"
  check_lines "$(wc -l <"$work/fields")"
  while read -r field _ pattern; do
    read_value "$field" "$pattern"
    case $field in
      CREATOR_ID) read_creator ;;
      VERSION) version=$value parts= ;;
      TAG) [ "$value" = "v$version" ] || unexpected 'a tag of another version'; value=$tag_prefix$version ;;
      MAJOR | MINOR | PATCH) parts=${parts:+$parts.}$value ;;
      PRERELEASE_ID) parts=$parts${value:+-$value} label=${value%%.*} ;;
      METADATA) [ "$parts${value:++$value}" = "$version" ] || unexpected 'components of another version' ;;
      RELEASE_TYPE) release_type=$value ;;
      PREVIOUS_VERSION) previous=$value ;;
      REUSED) reused=$value ;;
      CHANGED) changed=$value; [ "$dry_run" = false ] || value=false ;;
      PREVIOUS_TAG) [ "$value" = "${previous:+v$previous}" ] || unexpected 'a tag of another previous version'; value=${previous:+$tag_prefix$previous} ;;
      DOCKER_TAG) [ "$value" = "$(printf '%s' "$version" | tr + _)" ] || unexpected 'a Docker tag of another version' ;;
    esac
    output "$field" "$value"
  done <"$work/fields"
}

log_decision() { # what determined the version, which is free text and therefore not a variable
  notes=$(printable "$(header Monotron-Notes | decoded)")
  [ -z "$notes" ] || printf 'note: %s\n' "$notes"
  decision=$(printable "$(header Monotron-Reason | decoded)")
  [ "$bump" != none ] || return 0
  case $changed:$reused:$commits in
    false:*) printf 'no release: %s (%s)\n' "$decision" "$commits" ;;
    true:true:*) printf '%s%s (assigned earlier)\n' "$release_type" "${decision:+: $decision}" ;;
    true:false:?*) printf '%s: %s (%s)\n' "$release_type" "$decision" "$commits" ;;
  esac
}

output_semrel() { # the names that to-be-continuous uses
  [ "$semrel" = true ] || return 0
  dotenv_prefix=SEMREL_INFO_
  output NEXT_VERSION "$1"
  output LAST_VERSION "$2"
}

skip() { # message, option: ends the job successfully without a version or number
  warn "$1 The job is skipped, as $2 skip requests."
  if [ "$mode" = counter ]; then
    : >"$work/env"
    for field in VALUE BUILD_NUMBER CREATOR_ID; do output "$field" ''; done
    output REUSED false
  else
    output_no_version ''
    output PRERELEASE_LABEL ''
    output_semrel '' ''
  fi
  write_report
  exit
}

write_report() {
  [ -z "$expires" ] || warn "The API key expires at $expires. Create a new one with \"monotron key create\", and replace MONOTRON_API_KEY."
  cat "$work/env" >monotron.env
  cat monotron.env
}

version_of_commit() { # semver mode: writes the variables and the line for the log
  request_version
  case $bump:$code in
    *:)
      if grep -qx "${dotenv_prefix}VERSION=" "$work/body"; then # the name has no version, and no commit needs one
        read_creator
        output_no_version ''
      else
        output_version
        if [ "$bump:$changed" = auto:false ]; then # the newest version, which must not be published again
          newest=$version
          output_no_version ''
          version=$newest
        fi
      fi
      ;;
    none:version_not_found) output_no_version 0.0.0 ;;
    *) fail_with_problem ;;
  esac
  log_decision
  output PRERELEASE_LABEL "$label"
  shown=$version
  [ "$bump:$changed" != auto:false ] || shown='no release'
  next=$version
  if [ "$changed" = false ]; then
    next=
    [ "$version" = 0.0.0 ] || previous=$version
  fi
  output_semrel "$next" "$previous"
  printf 'Monotron: %s (%s)%s\n' "$shown" "$reason" "$note"
}

note='' expires='' label=''
reason="bump $(printable "$bump")"
[ -z "$exact_version" ] || reason="version $(printable "$exact_version")"
# Options that a request does not allow are sent as well: the server explains them.
commits='' reused=false initial_required='&initial=required'
[ "$from_scratch" = false ] && [ -z "$exact_version$initial" ] || initial_required=
query="format=dotenv&dotenv_prefix=$dotenv_prefix"
add prerelease "$prerelease"
add line "$line"
if [ "$bump" != none ]; then
  [ "$mode:$bump" = counter:patch ] || [ -n "$exact_version" ] || add bump "$bump" # the default
  add version "$exact_version"
  add calendar "$calendar"
  add skip_types "$(list "$skip_types")"
  add minor_types "$(list "$minor_types")"
  add commits "$commit_rules"
  [ "$on_conflict" = fail ] || add on_conflict "$on_conflict" # the default
  [ "$on_withdrawn" = fail ] || add on_withdrawn "$on_withdrawn" # the default
  add metadata "$metadata"
  add initial "$initial"
fi
case $mode in
  counter) number_of_pipeline ;;
  semver) version_of_commit ;;
esac
write_report

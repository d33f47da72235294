#!/bin/sh
# A site in three commands; needs curl, jq and openssl. Set DESK_KEY first.
#   site.sh reply NAME TEXT     submit a comment, print its status and the reasons
#   site.sh thread              print the published thread
#   site.sh verify ID TIMESTAMP SIGNATURE < body     check a webhook with WEBHOOK_SECRET; exit code 0 where it is good
set -eu
DESK=${DESK_URL:-http://127.0.0.1:8000} POST=${POST_ID:-2041}

desk() {
    curl --silent --show-error --fail-with-body --max-time 5 \
        --header "Authorization: Bearer $DESK_KEY" --header 'Content-Type: application/json' "$@"
}

case ${1:-} in
reply)
    jq --null-input --arg post "$POST" --arg name "$2" --arg text "$3" \
        '{post: {id: $post}, reader: {name: $name}, text: $text}' |
        desk --data @- --header "Idempotency-Key: $(openssl rand -hex 16)" "$DESK/v1/comments" |
        jq --raw-output '.status, (.reasons[] | "  " + .detail)'
    ;;
thread)
    desk "$DESK/v1/posts/$POST/comments?shape=flat" |
        jq --raw-output '.items[] | .reader_name + ": " + .text'
    ;;
verify)
    body=$(mktemp) && trap 'rm -f "$body"' EXIT
    cat > "$body"
    age=$(($(date +%s) - $3))
    [ "$age" -le 300 ] && [ "$age" -ge -300 ]
    key=$(printf %s "${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
    mac=$({ printf '%s.%s.' "$2" "$3"; cat "$body"; } |
        openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | openssl base64 -A)
    case " $4 " in *" v1,$mac "*) ;; *) exit 1 ;; esac
    ;;
*)
    sed -n '2,5s/^# *//p' "$0" >&2
    exit 2
    ;;
esac

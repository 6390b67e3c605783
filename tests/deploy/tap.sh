# For the scripts that run in the container: checks as TAP, and waiting. To be sourced.
# shellcheck shell=sh
export DEBIAN_FRONTEND=noninteractive
failed=0
n=0

# In this shell, so that what a check sets stays.
check() {
    name=$1
    shift
    n=$((n + 1))
    if "$@" >/tmp/out 2>&1; then
        echo "ok $n - deb: $name"
    else
        echo "not ok $n - deb: $name"
        tail -n 20 /tmp/out | sed 's/^/    /'
        failed=1
    fi
}

await() {
    tries=0
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -lt 400 ] || return 1
        sleep 0.05
    done
}

answers() {
    [ "$(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:8000$1")" = "$2" ]
}

# shellcheck shell=bash disable=SC2034,SC2154
# Processes and requests of the benchmarks, which source it: gateway and backends on free ports, all
# ended with the shell. Wants moongate, gateway_core and load_core.

tmp=$(mktemp -d)
pids=()

finish() {
    kill "${pids[@]}" 2>/dev/null || true
    wait
    rm -rf "$tmp"
}
trap finish EXIT
trap 'exit 1' INT TERM

fail() {
    echo "bench: $1" >&2
    exit 1
}

answers() {
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Below the range that the system gives to clients.
free_port() {
    local port
    for _ in {1..50}; do
        port=$((20000 + RANDOM % 12000))
        answers "$port" || { echo "$port" && return; }
    done
    return 1
}

# start CORE PORT COMMAND...: returns when the port answers; the process is $pid.
start() {
    local core=$1 port=$2
    shift 2
    taskset -c "$core" "$@" >/dev/null 2>"$tmp/start.log" &
    pid=$!
    pids+=("$pid")
    for _ in {1..100}; do
        if answers "$port"; then return; fi
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.05
    done
    cat "$tmp/start.log" "$tmp/nginx.log" >&2 2>/dev/null || true
    fail "$1 does not answer"
}

start_backend() {
    start "$load_core" "$2" "$moongate" serve --scripts-dir "scripts/demo/$1" --host 127.0.0.1 \
        --port "$2" --admin-port 0 --workers 1 --drain-seconds 0 --log-level warn
}

# start_gateway PORT [FLAG...]
start_gateway() {
    local port=$1
    shift
    INVENTORY_SERVICE_URL=http://127.0.0.1:$inventory PRICING_SERVICE_URL=http://127.0.0.1:$pricing \
        start "$gateway_core" "$port" "$moongate" serve --scripts-dir scripts --host 127.0.0.1 \
        --port "$port" --admin-port 0 --workers 1 --drain-seconds 0 "$@"
    gateway_pid=$pid
}

# --- requests ---

# request PORT METHOD PATH [BODY]: prints the answer's body, fails unless it is a 200.
request() {
    local fd answer
    exec {fd}<>"/dev/tcp/127.0.0.1/$1"
    printf '%s %s HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n' "$2" "$3" >&"$fd"
    printf 'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#4}" "$4" >&"$fd"
    answer=$(cat <&"$fd")
    exec {fd}>&-
    [[ $answer == "HTTP/1.1 200"* ]] || fail "$2 $3: $answer"
    echo "${answer##*$'\r\n\r\n'}"
}

# The orders must not run out of stock.
fill_stock() {
    local id
    for id in TEST-001 TEST-013; do
        request "$inventory" PUT /demo/stock "{\"productId\":\"$id\",\"stock\":1000000000}" >/dev/null
    done
}

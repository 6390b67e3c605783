# The house rule of docs/architecture.md: includes point to a file's own layer or down, and three
# foreign headers have one home each. Prints each breach; exit 1 if there is one.

BEGIN {
    split("base policy http engine lua admin", order)
    for (i in order) level[order[i]] = i
    top = 7
}
function layer(path,   parts) {
    split(path, parts, "/")
    return parts[2] in level ? level[parts[2]] : top
}
function complain(text) {
    printf "%s:%d: %s\n", FILENAME, FNR, text
    bad = 1
}
/^#include "/ {
    target = $2
    gsub(/"/, "", target)
    split(target, part, "/")
    to = part[1] in level ? level[part[1]] : top
    if (to > layer(FILENAME)) complain("includes " target ", which is above it")
}
/^#include <(lua|lualib|lauxlib|luaconf)\.h>/ && FILENAME !~ /^core\/lua\// {
    complain("only core/lua knows Lua")
}
/^#include <curl\// && FILENAME != "core/http/curl.c" { complain("only http/curl.c knows libcurl") }
/^#include <sqlite3/ && FILENAME !~ /^core\/engine\/store/ { complain("only engine/store* knows SQLite") }
/^#include <event2\// && FILENAME ~ /^core\/(base|policy)\// { complain("policy does no I/O") }
END { exit bad }

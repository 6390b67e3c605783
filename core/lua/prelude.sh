#!/bin/sh
# Prints the given files of core/lua/prelude as the C table that prelude.h declares. A file's module
# name is its path below prelude/ with dots: gateway/saga.lua is "gateway.saga".
set -eu

echo '#include "lua/prelude.h"'
n=0
for file in "$@"; do
    echo "static const unsigned char text_${n}[] = {"
    od -An -v -tx1 "$file" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '};'
    n=$((n + 1))
done
echo 'const struct gw_prelude_module gw_prelude[] = {'
n=0
for file in "$@"; do
    name=${file#*prelude/}
    name=$(echo "${name%.lua}" | tr / .)
    echo "    {\"$name\", (const char *)text_$n, sizeof text_$n},"
    n=$((n + 1))
done
echo '    {0, 0, 0},'
echo '};'

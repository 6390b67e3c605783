#!/bin/sh
# embed.sh TABLE FOLDER FILE...: prints the files, which are below FOLDER, as the C table TABLE of
# embedded.h. A file's name there is its path below the folder.
set -eu

table=$1
folder=$2
shift 2
echo '#include "base/embedded.h"'
n=0
for file in "$@"; do
    echo "static const unsigned char text_${n}[] = {"
    od -An -v -tx1 "$file" | sed 's/ \([0-9a-f][0-9a-f]\)/0x\1,/g'
    echo '};'
    n=$((n + 1))
done
echo "const struct gw_embedded ${table}[] = {"
n=0
for file in "$@"; do
    echo "    {\"${file#"$folder"/}\", {(const char *)text_$n, sizeof text_$n}},"
    n=$((n + 1))
done
echo '    {0, {0, 0}},'
echo '};'

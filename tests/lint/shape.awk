# Functions fit a screen and files an idea: no C function over 60 lines, no C file over 450, no Lua
# function over 60. The sources are formatted, so a function ends at the first "}" in column one.

function complain(line, text) {
    printf "%s:%d: %s\n", FILENAME, line, text
    bad = 1
}
FNR == 1 { start = 0 }
FNR == 451 { if (FILENAME ~ /^core/) complain(FNR, "the file is over 450 lines") }
/^[a-zA-Z].*\{$/ && !/^(struct|enum|union|static const|const)/ { start = FNR }
/^[ ].*\) \{$/ && !start && prev ~ /^[a-zA-Z].*[,(]$/ { start = FNR }
/^\}/ { if (start && FNR - start > 60) complain(start, "the function is over 60 lines"); start = 0 }
{ prev = $0 }
END { exit bad }

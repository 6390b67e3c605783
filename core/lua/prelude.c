#include "lua/prelude.h"

#include <string.h>

static bool is_file_of(const char *file, const char *module) {
    for (; *module; file++, module++)
        if (*module == '/' || *file != (*module == '.' ? '/' : *module))
            return false;
    return strcmp(file, ".lua") == 0;
}

const struct gw_embedded *gw_prelude_find(const char *module) {
    for (const struct gw_embedded *file = gw_prelude_files; file->name; file++)
        if (is_file_of(file->name, module))
            return file;
    return NULL;
}

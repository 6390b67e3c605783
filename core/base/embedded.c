#include "base/embedded.h"

const struct gw_embedded *gw_embedded_find(const struct gw_embedded *table, struct gw_str name) {
    while (table->name && !gw_str_equal(gw_str_from(table->name), name))
        table++;
    return table->name ? table : NULL;
}

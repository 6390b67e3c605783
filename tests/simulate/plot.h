/* A line chart as an SVG file: seconds to the right, requests per second up. */
#ifndef PLOT_H
#define PLOT_H

#include <stdbool.h>

struct plot_line {
    const char *name, *color;
    const char *dashes;     /* of stroke-dasharray; NULL: a solid line */
    const unsigned *values; /* one for each second */
};

struct plot {
    const char *title;
    unsigned seconds;
    unsigned top; /* the largest value that can be shown */
    unsigned outage_from, outage_to;
    const struct plot_line *lines;
    unsigned n_lines;
};

bool plot_write(const struct plot *plot, const char *path); /* false with errno */

#endif

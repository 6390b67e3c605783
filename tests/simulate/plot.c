#include "plot.h"

#include <stdio.h>

enum { WIDTH = 860, HEIGHT = 420, LEFT = 80, TOP = 50, RIGHT = 840, BOTTOM = 350 };
enum { STEPS_UP = 4, SECONDS_PER_STEP = 20, LEGEND_WIDTH = 195 };

static double x_of(const struct plot *plot, double second) {
    return LEFT + second * (RIGHT - LEFT) / plot->seconds;
}

static double y_of(const struct plot *plot, double value) {
    return BOTTOM - value * (BOTTOM - TOP) / plot->top;
}

static void draw_frame(const struct plot *plot, FILE *file) {
    fprintf(file,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"13\">\n"
            "<title>%s</title>\n"
            "<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n"
            "<text x=\"%d\" y=\"24\" font-size=\"16\">%s</text>\n",
            WIDTH, HEIGHT, plot->title, WIDTH, HEIGHT, LEFT, plot->title);
}

static void draw_outage(const struct plot *plot, FILE *file) {
    double from = x_of(plot, plot->outage_from), to = x_of(plot, plot->outage_to);
    fprintf(file,
            "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"#f2f2f2\"/>\n"
            "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\" fill=\"#777\">outage</text>\n",
            from, TOP, to - from, BOTTOM - TOP, (from + to) / 2, TOP + 16);
}

static void draw_axis_up(const struct plot *plot, FILE *file) {
    for (int i = 0; i <= STEPS_UP; i++) {
        unsigned value = plot->top / STEPS_UP * (unsigned)i;
        double y = y_of(plot, value);
        fprintf(file,
                "<path d=\"M%d %.1fH%d\" stroke=\"#ddd\"/>\n"
                "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%u</text>\n",
                LEFT, y, RIGHT, LEFT - 8, y + 4, value);
    }
    fprintf(file,
            "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">"
            "requests per second at the backend</text>\n",
            (TOP + BOTTOM) / 2);
}

static void draw_axis_right(const struct plot *plot, FILE *file) {
    for (unsigned second = 0; second <= plot->seconds; second += SECONDS_PER_STEP)
        fprintf(file, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%u</text>\n",
                x_of(plot, second), BOTTOM + 18, second);
    fprintf(file, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">seconds</text>\n",
            (LEFT + RIGHT) / 2, BOTTOM + 36);
}

static void draw_stroke(const struct plot_line *line, FILE *file) {
    fprintf(file, "fill=\"none\" stroke=\"%s\" stroke-width=\"2\"", line->color);
    if (line->dashes)
        fprintf(file, " stroke-dasharray=\"%s\"", line->dashes);
    fputs("/>\n", file);
}

/* Each value stands for its whole second. */
static void draw_line(const struct plot *plot, const struct plot_line *line, FILE *file) {
    for (unsigned i = 0; i < plot->seconds; i++)
        fprintf(file, "%s%.1f %.1fH%.1f", i ? "L" : "<path d=\"M", x_of(plot, i),
                y_of(plot, line->values[i]), x_of(plot, i + 1));
    fputs("\" ", file);
    draw_stroke(line, file);
}

static void draw_legend(const struct plot_line *line, unsigned place, FILE *file) {
    int x = LEFT + (int)place * LEGEND_WIDTH, y = HEIGHT - 14;
    fprintf(file, "<path d=\"M%d %dh28\" ", x, y - 4);
    draw_stroke(line, file);
    fprintf(file, "<text x=\"%d\" y=\"%d\">%s</text>\n", x + 34, y, line->name);
}

bool plot_write(const struct plot *plot, const char *path) {
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    draw_frame(plot, file);
    draw_outage(plot, file);
    draw_axis_up(plot, file);
    draw_axis_right(plot, file);
    for (unsigned i = 0; i < plot->n_lines; i++) {
        draw_line(plot, &plot->lines[i], file);
        draw_legend(&plot->lines[i], i, file);
    }
    fputs("</svg>\n", file);
    bool written = !ferror(file);
    return fclose(file) == 0 && written;
}

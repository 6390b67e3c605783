#include "http/trace_context.h"

#include "policy/tracestate.h"

/* Exactly one that can be read. */
static bool read_parent(struct gw_traceparent *parent, const struct gw_message *message) {
    struct gw_str value = {0};
    unsigned found = 0;
    for (unsigned i = 0; i < message->n_fields; i++) {
        if (!gw_str_equal(gw_message_field_name(message, i), GW_STR("traceparent")))
            continue;
        value = gw_message_field_value(message, i);
        found++;
    }
    return found == 1 && gw_traceparent_parse(value, parent);
}

static bool read_state(struct gw_buf *state, const struct gw_message *message) {
    bool ok = true;
    for (unsigned i = 0; ok && i < message->n_fields; i++)
        if (gw_str_equal(gw_message_field_name(message, i), GW_STR("tracestate")))
            ok = gw_tracestate_append(state, gw_message_field_value(message, i));
    return ok;
}

void gw_trace_context_read(struct gw_trace_context *context, const struct gw_message *message) {
    *context = (struct gw_trace_context){0};
    context->is_given = read_parent(&context->parent, message);
    if (!context->is_given)
        return;
    if (read_state(&context->state, message))
        gw_tracestate_shorten(&context->state);
    else
        gw_buf_clear(&context->state);
}

void gw_trace_context_fini(struct gw_trace_context *context) {
    gw_buf_fini(&context->state);
}

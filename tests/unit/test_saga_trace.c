/* Where the undoing of a saga is recorded: with its request, and by itself once that is over. */
#include "saga_fixture.h"

#define MAX_KEPT 8

struct traced_world {
    struct saga_world *sagas;
    struct gw_tracer *tracer;
    struct gw_trace *kept[MAX_KEPT]; /* finished ones */
    int n_kept;
};

static void keep(void *user, struct gw_trace *trace) {
    struct traced_world *t = user;
    assert_true(t->n_kept < MAX_KEPT);
    gw_trace_ref(trace);
    t->kept[t->n_kept++] = trace;
}

static int begin_traced(void **state) {
    struct traced_world *t = calloc(1, sizeof *t);
    void *sagas;
    saga_begin(&sagas);
    t->sagas = sagas;
    t->tracer = gw_tracer_new(0, keep, t);
    gw_sagas_trace_by(t->sagas->sagas, t->tracer);
    *state = t;
    return 0;
}

static int end_traced(void **state) {
    struct traced_world *t = *state;
    void *sagas = t->sagas;
    saga_end(&sagas);
    gw_tracer_free(t->tracer);
    for (int i = 0; i < t->n_kept; i++)
        gw_trace_unref(t->kept[i]);
    free(t);
    return 0;
}

/* A saga of two steps, which are done, and the record of its request. */
static struct gw_saga *begin_saga(struct traced_world *t, struct gw_trace **trace) {
    struct gw_trace_start start = {.started_us = gw_clock_us(), .route = GW_STR("POST /orders")};
    struct gw_saga *saga = open_saga(t->sagas, "o-1");
    *trace = gw_trace_begin(t->tracer, &start);
    gw_saga_record_in(saga, *trace);
    assert_int_equal(step(t->sagas, saga), GW_SAGA_WRITTEN);
    assert_int_equal(step(t->sagas, saga), GW_SAGA_WRITTEN);
    return saga;
}

static unsigned count(const struct gw_trace *trace, enum gw_span_kind kind) {
    unsigned n = 0;
    for (unsigned i = 0; i < trace->n_spans; i++)
        n += trace->spans[i].kind == kind;
    return n;
}

static void assert_route(const struct gw_trace *trace, const char *route) {
    assert_string_equal(gw_trace_text(trace, trace->route), route);
}

static void an_undo_is_noted_with_its_request(void **state) {
    struct traced_world *t = *state;
    struct gw_trace *trace;
    struct gw_saga *saga = begin_saga(t, &trace);
    n_failing = 1;
    undo(t->sagas, saga);
    gw_saga_leave(saga);
    assert_int_equal(t->n_kept, 0); /* the request holds it */
    gw_trace_let_go(trace);
    assert_int_equal(t->n_kept, 1);
    const struct gw_trace *kept = t->kept[0];
    assert_int_equal(count(kept, GW_SPAN_UNDO), 3);
    assert_int_equal(count(kept, GW_SPAN_ATTEMPT), 3);
    const struct gw_span *first = &kept->spans[1];
    assert_int_equal(first->kind, GW_SPAN_UNDO);
    assert_string_equal(first->name, "pricing");
    assert_string_equal(gw_trace_text(kept, first->text), "POST /undo/2");
    assert_string_equal(gw_trace_text(kept, first->text2), "o-1");
    assert_int_equal(first->status, 500);
    assert_int_equal(first->failure, GW_FAILURE_STATUS);
    assert_int_equal(kept->spans[2].parent, 1);
}

static void a_saga_that_is_left_holds_the_record_while_it_is_undone(void **state) {
    struct traced_world *t = *state;
    struct gw_trace *trace;
    struct gw_saga *saga = begin_saga(t, &trace);
    gw_saga_leave(saga);
    gw_trace_let_go(trace);
    assert_int_equal(t->n_kept, 0);
    RUN_UNTIL(t->sagas->backends->base, t->n_kept == 1);
    assert_route(t->kept[0], "POST /orders");
    assert_int_equal(count(t->kept[0], GW_SPAN_UNDO), 2);
}

static void later_rounds_have_records_of_their_own(void **state) {
    struct traced_world *t = *state;
    struct gw_trace *trace;
    struct gw_saga *saga = begin_saga(t, &trace);
    n_failing = 8; /* the first round, and the second */
    undo(t->sagas, saga);
    gw_saga_leave(saga);
    gw_trace_let_go(trace);
    RUN_UNTIL(t->sagas->backends->base, t->n_kept == 3);
    assert_int_equal(count(t->kept[0], GW_SPAN_UNDO), 6);
    for (int i = 1; i < 3; i++) {
        const struct gw_trace *kept = t->kept[i];
        assert_int_equal(kept->kind, GW_TRACE_UNDO);
        assert_route(kept, "saga order");
        assert_string_equal(gw_trace_text(kept, kept->path), "o-1");
        assert_string_equal(gw_trace_text(kept, kept->correlation_id), "c-1");
        assert_int_equal(count(kept, GW_SPAN_UNDO), 2);
    }
    assert_true(t->kept[1]->is_failed); /* it is parked again */
    assert_false(t->kept[2]->is_failed);
}

static void so_has_one_of_an_earlier_process(void **state) {
    struct traced_world *t = *state;
    struct saga_world *w = t->sagas;
    struct gw_trace *trace;
    begin_saga(t, &trace);
    gw_trace_let_go(trace);
    gw_sagas_stop(w->sagas);
    gw_sagas_free(w->sagas);
    assert_int_equal(t->n_kept, 1); /* it is not held any more */
    memset(&w->shared, 0, sizeof w->shared);
    saga_open_sagas(w);
    gw_sagas_trace_by(w->sagas, t->tracer);
    gw_sagas_recover(w->sagas);
    RUN_UNTIL(w->backends->base, t->n_kept == 2);
    assert_route(t->kept[1], "saga order");
    assert_int_equal(count(t->kept[1], GW_SPAN_UNDO), 2);
}

static void a_committed_one_holds_nothing(void **state) {
    struct traced_world *t = *state;
    struct gw_trace *trace;
    struct gw_saga *saga = begin_saga(t, &trace);
    assert_int_equal(commit(t->sagas, saga), GW_SAGA_WRITTEN);
    gw_saga_leave(saga);
    gw_trace_let_go(trace);
    assert_int_equal(t->n_kept, 1);
    assert_int_equal(count(t->kept[0], GW_SPAN_UNDO), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_traced, end_traced)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_undo_is_noted_with_its_request),
        TEST(a_saga_that_is_left_holds_the_record_while_it_is_undone),
        TEST(later_rounds_have_records_of_their_own),
        TEST(so_has_one_of_an_earlier_process),
        TEST(a_committed_one_holds_nothing),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

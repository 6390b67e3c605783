/* What a strict parser must refuse, because some other reader would see another message in it: each
 * attempt with the status it is answered with. */
#include "parser_fixture.h"

/* A request of HTTP/1.1 with these further header lines. */
#define POST(lines) "POST / HTTP/1.1\r\nHost: a\r\n" lines "\r\n"

/* A chunked body. */
#define CHUNKS(body) POST("Transfer-Encoding: chunked\r\n") body

static void check_all(const struct gw_str *inputs, size_t n, const char *expected) {
    for (size_t i = 0; i < n; i++) {
        struct parser_case c = {inputs[i], expected};
        check_case(&c, GW_PARSER_REQUEST, &transcript_limits);
    }
}

#define CHECK_ALL(inputs, expected) \
    check_all(inputs, sizeof(inputs) / sizeof((inputs)[0]), expected)

static void refuses_ambiguous_lengths(void **state) {
    (void)state;
    static const struct gw_str inputs[] = {
        /* CL.TE and TE.CL */
        IN(POST("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n") "0\r\n\r\nG"),
        IN(POST("Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") "5c\r\nGPOST"),
        IN(POST("Content-Length: 6\r\nTransfer-Encoding: identity\r\n") "0\r\n\r\nG"),
        /* CL.CL */
        IN(POST("Content-Length: 5\r\nContent-Length: 6\r\n") "hello!"),
        IN(POST("Content-Length: 5\r\nContent-Length: 5\r\n") "hello"),
        IN(POST("Content-Length: 5\r\ncontent-length: 0\r\n") "hello"),
        IN(POST("Content-Length: 5, 5\r\n") "hello"),
        IN(POST("Content-Length: 5,\r\n") "hello"),
        IN(POST("Content-Length: ,5\r\n") "hello"),
    };
    CHECK_ALL(inputs, "error 400");
}

static void refuses_bad_lengths(void **state) {
    (void)state;
    static const struct gw_str inputs[] = {
        IN(POST("Content-Length:\r\n")),
        IN(POST("Content-Length: +5\r\n") "hello"),
        IN(POST("Content-Length: -5\r\n") "hello"),
        IN(POST("Content-Length: 0x5\r\n") "hello"),
        IN(POST("Content-Length: 5.0\r\n") "hello"),
        IN(POST("Content-Length: 5 5\r\n") "hello"),
        IN(POST("Content-Length: 1_0\r\n") "hello"),
        IN(POST("Content-Length: \"5\"\r\n") "hello"),
        IN(POST("Content-Length: 5;\r\n") "hello"),
        IN(POST("Content-Length: five\r\n") "hello"),
        IN(POST("Content-Length: \x0b"
                "5\r\n") "hello"),
        IN(POST("Content-Length: \xb2\r\n") "hello"),
        IN(POST("Content-Length: 9223372036854775808\r\n")),
        IN(POST("Content-Length: 18446744073709551616\r\n")),
        IN(POST("Content-Length: 184467440737095516160000000000000000005\r\n") "hello"),
    };
    CHECK_ALL(inputs, "error 400");
}

static void refuses_malformed_codings(void **state) {
    (void)state;
    static const struct gw_str inputs[] = {
        IN(POST("Transfer-Encoding:\r\n")),
        IN(POST("Transfer-Encoding: chunked, chunked\r\n")),
        IN(POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")),
        IN(POST("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n")),
        IN(POST("Transfer-Encoding: chunked, identity\r\n")),
        IN(POST("Transfer-Encoding: chunked,\r\n")),
        IN(POST("Transfer-Encoding: ,chunked\r\n")),
        IN(POST("Transfer-Encoding: chunked;q=1\r\n")),
        IN(POST("Transfer-Encoding: chunked ;\r\n")),
        IN(POST("Transfer-Encoding: \"chunked\"\r\n")),
        IN(POST("Transfer-Encoding: \x0b"
                "chunked\r\n")),
        IN(POST("Transfer-Encoding: chunked\x0b\r\n")),
        IN(POST("Transfer-Encoding: chunked\x0c\r\n")),
        IN(POST("Transfer-Encoding: chunked\0\r\n")),
        IN(POST("Transfer-Encoding: chunked\x7f\r\n")),
        IN(POST("Transfer-Encoding: chunked\xa0\r\n")),
        IN(POST("Transfer-Encoding: chunked chunked\r\n")),
        IN(POST("Transfer-Encoding: chunk ed\r\n")),
        IN(POST("Transfer-Encoding:\r\n chunked\r\n")),
        IN(POST("Transfer-Encoding : chunked\r\n")),
        IN(POST("Transfer-Encoding\t: chunked\r\n")),
        IN(POST("Transfer\xad-Encoding: chunked\r\n")),
        IN(POST(" Transfer-Encoding: chunked\r\n")),
        IN(POST("X: y\rTransfer-Encoding: chunked\r\n")),
        IN(POST("X: y\nTransfer-Encoding: chunked\r\n")),
        IN("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        IN("POST / HTTP/1.0\r\nTransfer-Encoding: gzip\r\n\r\n"),
    };
    CHECK_ALL(inputs, "error 400");
}

static void names_unknown_codings(void **state) {
    (void)state;
    static const struct gw_str inputs[] = {
        IN(POST("Transfer-Encoding: identity\r\n")),
        IN(POST("Transfer-Encoding: gzip, chunked\r\n")),
        IN(POST("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n")),
        IN(POST("Transfer-Encoding: gzip;level=\"9\", chunked\r\n")),
        IN(POST("Transfer-Encoding: xchunked\r\n")),
        IN(POST("Transfer-Encoding: 'chunked'\r\n")),
        IN(POST("Transfer-Encoding: chunke\r\n")),
    };
    CHECK_ALL(inputs, "error 501");
}

/* Names that only look like the ones that frame a message are names like any other. */
static void keeps_other_names(void **state) {
    (void)state;
    static const struct parser_case cases[] = {
        {IN(POST("Transfer_Encoding: chunked\r\nContent_Length: 5\r\nContent-Lengt: 5\r\n")),
         "POST / 1.1 path=/ query= host=a keep\nhost: a\ntransfer_encoding: chunked\n"
         "content_length: 5\ncontent-lengt: 5\nend\nidle\n"},
        {IN(POST("Content-Length: 007\r\n") "seven..GET"),
         "POST / 1.1 path=/ query= host=a keep length=7\nhost: a\ncontent-length: 007\n"
         "body: seven..\nend\nmore\n"},
    };
    CHECK_REQUESTS(cases);
}

#define CHUNKED_HEAD \
    "POST / 1.1 path=/ query= host=a keep chunked\nhost: a\ntransfer-encoding: chunked\n"

static void refuses_bad_chunk_sizes(void **state) {
    (void)state;
    static const struct gw_str inputs[] = {
        IN(CHUNKS("\r\n")),
        IN(CHUNKS(" 5\r\nhello\r\n")),
        IN(CHUNKS("\t5\r\nhello\r\n")),
        IN(CHUNKS("5 \r\nhello\r\n")),
        IN(CHUNKS("5 ;a\r\nhello\r\n")),
        IN(CHUNKS("0x5\r\nhello\r\n")),
        IN(CHUNKS("+5\r\nhello\r\n")),
        IN(CHUNKS("-5\r\nhello\r\n")),
        IN(CHUNKS("5h\r\nhello\r\n")),
        IN(CHUNKS("5,5\r\nhello\r\n")),
        IN(CHUNKS(";a\r\nhello\r\n")),
        IN(CHUNKS("\x00"
                  "5\r\nhello\r\n")),
        IN(CHUNKS("5\n"
                  "hello\r\n")),
        IN(CHUNKS("5\rX"
                  "hello\r\n")),
        IN(CHUNKS("5\r\r\nhello\r\n")),
        IN(CHUNKS("00000000000000005\r\nhello\r\n")),
        IN(CHUNKS("10000000000000005\r\nhello\r\n")),
        IN(CHUNKS("5;a\n0\r\n\r\n")),
        IN(CHUNKS("5;a\rb\r\nhello\r\n")),
        IN(CHUNKS("5;\0\r\nhello\r\n")),
    };
    CHECK_ALL(inputs, CHUNKED_HEAD "error 400");
}

static void refuses_bad_chunk_ends(void **state) {
    (void)state;
    static const struct gw_str inputs[] = {
        IN(CHUNKS("5\r\nhello0\r\n\r\n")),    IN(CHUNKS("5\r\nhello\n0\r\n\r\n")),
        IN(CHUNKS("5\r\nhello\r0\r\n\r\n")),  IN(CHUNKS("5\r\nhello!\r\n0\r\n\r\n")),
        IN(CHUNKS("5\r\nhello \r\n")),        IN(CHUNKS("5\r\nhello\r\r\n")),
        IN(CHUNKS("5\r\nhello!\n0\r\n\r\n")),
    };
    CHECK_ALL(inputs, CHUNKED_HEAD "body: hello\nerror 400");
}

static void refuses_bad_trailers(void **state) {
    (void)state;
    static const struct gw_str inputs[] = {
        IN(CHUNKS("0\r\n\n")),
        IN(CHUNKS("0\r\n\rGET / HTTP/1.1\r\n")),
        IN(CHUNKS("0\r\nX\r\n\r\n")),
        IN(CHUNKS("0\r\nX : y\r\n\r\n")),
        IN(CHUNKS("0\r\n: y\r\n\r\n")),
        IN(CHUNKS("0\r\nX: y\n\r\n")),
        IN(CHUNKS("0\r\nX: y\r\n z\r\n\r\n")),
        IN(CHUNKS("0\r\nX: \x01\r\n\r\n")),
        IN(CHUNKS("0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")),
    };
    CHECK_ALL(inputs, CHUNKED_HEAD "error 400");
}

static void refuses_bad_lines(void **state) {
    (void)state;
    static const struct gw_str inputs[] = {
        IN("GET / HTTP/1.1\nHost: a\n\n"),
        IN("GET / HTTP/1.1\r\nHost: a\n\n"),
        IN("GET / HTTP/1.1\r\nHost: a\r\n\n"),
        IN("GET / HTTP/1.1\r\nHost: a\r\nX: y\rz\r\n\r\n"),
        IN("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
        IN("\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN(" \r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
        IN("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /\tHTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /\x0bHTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("G\xc3\x89T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET: / HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /?a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /?caf\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /a\\..\\b HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /<a> HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET /?a=\" HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET ?a HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("\r\n\r\n\r\n\r\n\r\n\r\n"),
        IN("\x16\x03\x01\x02"),
        IN("{}"),
    };
    CHECK_ALL(inputs, "error 400");
}

static void refuses_bad_names_and_values(void **state) {
    (void)state;
    static const struct gw_str inputs[] = {
        IN(POST("X y: z\r\n")),
        IN(POST("X: y\r\n z\r\n")),
        IN(POST("X: y\r\n\tz\r\n")),
        IN(POST("X\r\n")),
        IN(POST(": y\r\n")),
        IN(POST("X\0: y\r\n")),
        IN(POST("X: y\0\r\n")),
        IN(POST("X: \x08\r\n")),
        IN(POST("X: \x7f\r\n")),
        IN(POST("X: \x1b[0m\r\n")),
        IN(POST("(X): y\r\n")),
        IN(POST("X\xe9: y\r\n")),
        IN(POST("\"X\": y\r\n")),
        IN("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
    };
    CHECK_ALL(inputs, "error 400");
}

static void refuses_doubtful_hosts(void **state) {
    (void)state;
    static const struct gw_str inputs[] = {
        IN("GET / HTTP/1.1\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"),
        IN("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost: http://a\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n"),
        IN("GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n"),
        IN("GET / HTTP/1.0\r\nHost: a:65536\r\n\r\n"),
        IN("GET http://a/ HTTP/1.1\r\n\r\n"),
        IN("GET http://a/ HTTP/1.1\r\nHost: ?\r\n\r\n"),
        IN("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET http://a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
        IN("GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    };
    CHECK_ALL(inputs, "error 400");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_ambiguous_lengths), cmocka_unit_test(refuses_bad_lengths),
        cmocka_unit_test(refuses_malformed_codings), cmocka_unit_test(names_unknown_codings),
        cmocka_unit_test(keeps_other_names),         cmocka_unit_test(refuses_bad_chunk_sizes),
        cmocka_unit_test(refuses_bad_chunk_ends),    cmocka_unit_test(refuses_bad_trailers),
        cmocka_unit_test(refuses_bad_lines),         cmocka_unit_test(refuses_bad_names_and_values),
        cmocka_unit_test(refuses_doubtful_hosts),
    };
    return cmocka_run_group_tests_name("smuggling", tests, NULL, NULL);
}

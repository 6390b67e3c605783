# The gateway and, with other scripts, its demo backends: one image.
#
#   docker build --build-arg VERSION="$(deploy/release/version --dirty)" -t moongate .
#
# Any builder will do, also the classic one. What changes seldom comes first: a changed script or .c
# file installs no package anew, and a changed script or version compiles nothing but the version.

FROM debian:bookworm-slim AS build
WORKDIR /src
COPY .ci/deps .ci/deps
RUN .ci/deps build
# As Debian hardens its packages, and a step further; PIE is gcc's default there.
ENV CFLAGS="-fstack-protector-strong -fstack-clash-protection -fPIE -Wformat -Werror=format-security" \
    CPPFLAGS="-D_FORTIFY_SOURCE=3" \
    LDFLAGS="-pie -Wl,-z,relro,-z,now"
COPY Makefile ./
COPY core core
RUN make -j"$(nproc)"
COPY scripts scripts
ARG VERSION=unknown
RUN make VERSION="$VERSION" \
    && install -D -m 755 build/moongate /out/usr/bin/moongate \
    && find -L scripts -type f -exec install -D -m 644 {} /out/etc/moongate/{} \;

FROM debian:bookworm-slim
# ca-certificates are for backends by https://, curl is for the health check, lua-cjson for scripts that
# were written for it.
RUN apt-get -o Acquire::Retries=3 update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -y -qq \
        --no-install-recommends ca-certificates curl libcurl4 libevent-core-2.1-7 liblua5.4-0 \
        libsqlite3-0 lua-cjson >/dev/null \
    && rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/apt /var/log/dpkg.log \
    && groupadd --gid 10001 moongate \
    && useradd --uid 10001 --gid moongate --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin moongate \
    && install -d -o moongate -g moongate -m 750 /var/lib/moongate
COPY --from=build /out/usr/bin/moongate /usr/bin/moongate
COPY --from=build /out/etc/moongate /etc/moongate

ENV SCRIPTS_DIR=/etc/moongate/scripts DATA_DIR=/var/lib/moongate
VOLUME /var/lib/moongate
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
    CMD ["curl", "-fsS", "-m", "2", "-o", "/dev/null", "http://127.0.0.1:8000/health"]
ENTRYPOINT ["/usr/bin/moongate"]
CMD ["serve"]

ARG VERSION=unknown
LABEL org.opencontainers.image.title="Moongate" \
      org.opencontainers.image.description="An API gateway in C that operators script in Lua" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"

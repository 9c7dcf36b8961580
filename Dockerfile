# syntax=docker/dockerfile:1

# The binary is static: no libc, no cgo. It is cross-compiled, so that an image for
# another architecture needs no emulation.
FROM --platform=$BUILDPLATFORM golang:1.26.8-bookworm AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOTOOLCHAIN=local
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
    -ldflags="-s -w -X github.com/lazi/lazisync/internal/telemetry.version=$VERSION" -o /lazisync ./cmd/lazisync

# The simulated ServiceTitan of the demo: docker build --target simulator.
FROM build AS simulator-build
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags="-s -w" -o /servicetitan-simulator ./cmd/servicetitan-simulator

FROM gcr.io/distroless/static-debian12:nonroot AS simulator
COPY --from=simulator-build /servicetitan-simulator /usr/local/bin/servicetitan-simulator
EXPOSE 8099
USER nonroot:nonroot
ENTRYPOINT ["/usr/local/bin/servicetitan-simulator"]
CMD ["--addr=0.0.0.0:8099"]

# lazisync, the default target. Contains CA certificates, time zones and a non-root user, and no shell.
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="lazisync" \
      org.opencontainers.image.description="Keeps a PostgreSQL copy of a ServiceTitan tenant fresh" \
      org.opencontainers.image.source="https://github.com/lazi/lazisync" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION
COPY --from=build /lazisync /usr/local/bin/lazisync

# In a container a role listens on all interfaces. The gateway refuses to start without
# API_TOKENS.
ENV HTTP_ADDR=0.0.0.0:8080 ADMIN_ADDR=0.0.0.0:9090
EXPOSE 8080 9090
USER nonroot:nonroot
HEALTHCHECK --interval=10s --timeout=6s --start-period=20s --retries=3 CMD ["/usr/local/bin/lazisync", "healthcheck"]
ENTRYPOINT ["/usr/local/bin/lazisync"]
CMD ["serve"]

# A static binary and nothing else. Build: docker build -t hikbridge .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/hikbridge ./cmd/hikbridge \
 && mkdir -p /out/state

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/hikbridge /hikbridge
# The state directory belongs to the user that runs the bridge; without it
# failed sign-ins couldn't be counted over restarts.
COPY --from=build --chown=65532:65532 /out/state /var/lib/hikbridge
USER 65532:65532
VOLUME ["/var/lib/hikbridge"]
STOPSIGNAL SIGTERM
# "Alive" means that the process works, never that a recorder or the broker can
# be reached: restarting the bridge wouldn't help them.
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 CMD ["/hikbridge", "healthcheck"]
ENTRYPOINT ["/hikbridge"]
CMD ["run"]

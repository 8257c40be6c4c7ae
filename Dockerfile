# The images of Headwater: `--target server`, `operator` (which is the webhook, too) or `emitter`.
# BASE is any image with Python 3.11 or newer and its venv; for a release, name it with its digest.
ARG BASE=docker.io/library/python:3.13-slim

FROM ${BASE} AS wheel
RUN python3 -m venv /opt/build
COPY pyproject.toml README.md LICENSE /src/
COPY client /src/client
COPY server /src/server
COPY operator /src/operator
RUN /opt/build/bin/pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /src

# What programs need, without what installed it.
FROM wheel AS server-files
RUN python3 -m venv /opt/headwater && \
    /opt/headwater/bin/pip install --no-cache-dir "$(echo /wheels/*.whl)[server]" && \
    /opt/headwater/bin/pip uninstall --yes pip

FROM wheel AS operator-files
RUN python3 -m venv /opt/headwater && \
    /opt/headwater/bin/pip install --no-cache-dir "$(echo /wheels/*.whl)[operator,emitter]" && \
    /opt/headwater/bin/pip uninstall --yes pip

FROM wheel AS emitter-files
RUN python3 -m venv /opt/headwater && \
    /opt/headwater/bin/pip install --no-cache-dir "$(echo /wheels/*.whl)[emitter]" && \
    /opt/headwater/bin/pip uninstall --yes pip

# Nobody by number, so that Kubernetes can tell that it is not root.
FROM ${BASE} AS ground
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="Headwater" \
      org.opencontainers.image.description="Lineage of data and models" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/headwater/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532

FROM ground AS server
COPY --from=server-files /opt/headwater /opt/headwater
EXPOSE 4970 4971
ENTRYPOINT ["headwater-server"]
CMD ["serve"]

FROM ground AS operator
COPY --from=operator-files /opt/headwater /opt/headwater
EXPOSE 4973 4977 4978
ENTRYPOINT ["headwater-operator"]
CMD ["run"]

FROM ground AS emitter
COPY --from=emitter-files /opt/headwater /opt/headwater
EXPOSE 4974 4975 4976
ENTRYPOINT ["headwater-emitter"]
CMD ["run"]

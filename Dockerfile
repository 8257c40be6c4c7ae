# The images of Headwater: `--target server`, `operator` (which is the webhook, too) or `emitter`.
# BASE is any image with Python 3.11 or newer and its venv; for a release, name it with its digest.
ARG BASE=docker.io/library/python:3.13-slim

# A folder wheels/ in the context is looked into first; with PIP_NO_INDEX=1 nothing is fetched from anywhere else.
FROM ${BASE} AS build
ARG PIP_NO_INDEX
ENV PIP_NO_INDEX=${PIP_NO_INDEX} PIP_FIND_LINKS=/wheels PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY pyproject.toml wheel[s] /wheels/
# What each program needs is known without the sources: a change of these installs nothing of others anew.
RUN python3 -m venv /opt/build && python3 -c "\
import pathlib, tomllib; \
project = tomllib.loads(pathlib.Path('/wheels/pyproject.toml').read_text())['project']; \
[pathlib.Path(f'/wheels/{name}.txt').write_text('\n'.join([*project['dependencies'], *extra])) \
 for name, extra in project['optional-dependencies'].items()]"

FROM build AS wheel
COPY pyproject.toml README.md LICENSE /src/
COPY client /src/client
COPY server /src/server
COPY operator /src/operator
RUN /opt/build/bin/pip wheel --no-deps --wheel-dir /headwater /src

# What programs need, without what installs it.
FROM build AS server-files
RUN python3 -m venv --without-pip /opt/headwater && \
    /opt/build/bin/pip --python /opt/headwater install --requirement /wheels/server.txt
COPY --from=wheel /headwater /headwater
RUN /opt/build/bin/pip --python /opt/headwater install --no-deps /headwater/*.whl

FROM build AS operator-files
RUN python3 -m venv --without-pip /opt/headwater && \
    /opt/build/bin/pip --python /opt/headwater install --requirement /wheels/operator.txt --requirement /wheels/emitter.txt
COPY --from=wheel /headwater /headwater
RUN /opt/build/bin/pip --python /opt/headwater install --no-deps /headwater/*.whl

FROM build AS emitter-files
RUN python3 -m venv --without-pip /opt/headwater && \
    /opt/build/bin/pip --python /opt/headwater install --requirement /wheels/emitter.txt
COPY --from=wheel /headwater /headwater
RUN /opt/build/bin/pip --python /opt/headwater install --no-deps /headwater/*.whl

# A number that Kubernetes can tell from root's, and a name for it, without which PostgreSQL makes no data directory.
FROM ${BASE} AS ground
RUN echo 'headwater:x:65532:65532:Headwater:/tmp:/usr/sbin/nologin' >> /etc/passwd && \
    echo 'headwater:x:65532:' >> /etc/group
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

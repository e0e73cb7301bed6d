# One image for every verb: serve, worker, migrate, agent, webhook, webhook-certificate.
#
#   docker build -t registry.example.com/platform/clb-broker:0.1.0 .
#
# The base is a build argument. A release pins it by digest, so that the same source gives the same image:
#   docker buildx imagetools inspect python:3.11-slim-bookworm
#   docker build --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:... .
# No digest stands here, since none was checked against the registry. Python's version is the one the tests run on.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
# Wheels alone, so that no source builds anything, and only those whose hashes are known.
COPY requirements/build.txt requirements/image.txt requirements/
RUN python -m venv --without-pip /opt/clb-broker \
    && python -m pip --python /opt/clb-broker/bin/python install --only-binary :all: --require-hashes -r requirements/image.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/python -m pip install --only-binary :all: --require-hashes -r requirements/build.txt
COPY pyproject.toml setup.cfg README.md ./
COPY app app
COPY migrations migrations
# Without the Kubernetes client's second half, the asynchronous one: a quarter of the whole, and nothing here imports it.
# Compiled here, since nothing can be written later; by content, so that no file's time matters. Every module is imported
# once: what is missing is missed now, not in a cluster.
RUN /opt/build/bin/python -m pip wheel --no-deps --no-build-isolation --no-index --wheel-dir /wheels . \
    && python -m pip --python /opt/clb-broker/bin/python install --no-deps --no-index --no-compile /wheels/*.whl \
    && rm -r /opt/clb-broker/lib/python3.11/site-packages/kubernetes/aio \
    && /opt/clb-broker/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/clb-broker/lib \
    && /opt/clb-broker/bin/python -I -c "import importlib, pkgutil, app; [importlib.import_module(each.name) for each in pkgutil.walk_packages(app.__path__, 'app.') if not each.name.endswith('__main__')]"

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="clb-broker" \
      org.opencontainers.image.description="Binds pods of many TKE clusters to Cloud Load Balancers" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# What installs packages has no place where nothing is to be installed.
RUN python -m pip uninstall --yes --quiet --root-user-action ignore pip setuptools wheel \
    && rm -rf /usr/local/lib/python3.11/ensurepip
COPY --from=builder /opt/clb-broker /opt/clb-broker
ENV PATH=/opt/clb-broker/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# A number, which Kubernetes can see not to be root's. It owns nothing here; what is written goes to /tmp.
USER 65532:65532
WORKDIR /tmp
# No HEALTHCHECK: Kubernetes does not look at it, and verbs differ. The charts probe /livez and /readyz.
ENTRYPOINT ["clb-broker"]

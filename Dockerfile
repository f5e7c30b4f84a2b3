# Two images: `cpu` (the default) runs the API and workers; `gpu` adds torch with CUDA for workers beside a GPU.
# docker build --target cpu -t mm:0.1.0 .

FROM python:3.11.15-slim-bookworm AS base
ENV PATH=/opt/mm/bin:$PATH

FROM base AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
RUN python -m venv --without-pip /opt/mm
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/mm/bin/python install --no-deps --only-binary=:all: --compile -r requirements.lock

FROM build AS build-cpu
COPY LICENSE NOTICE README.md pyproject.toml ./
COPY mm mm
COPY indexes indexes
COPY workers workers
COPY api api
RUN pip --python /opt/mm/bin/python install --no-cache-dir --no-deps --no-build-isolation --compile .

FROM build AS build-gpu
COPY requirements-train.lock ./
RUN --mount=type=cache,target=/root/.cache/pip \
    pip --python /opt/mm/bin/python install --no-deps --only-binary=:all: --compile -r requirements-train.lock
COPY LICENSE NOTICE README.md pyproject.toml ./
COPY mm mm
COPY indexes indexes
COPY workers workers
COPY api api
RUN pip --python /opt/mm/bin/python install --no-cache-dir --no-deps --no-build-isolation --compile .

# No compiler, no package cache, no source tree. Root owns the code; it runs as a user that owns only the home folder.
FROM base AS runtime
RUN groupadd --gid 10001 mm \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin mm \
    && install --directory --owner mm --group mm --mode 0750 /var/lib/mm
ENV MM_HOME=/var/lib/mm PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/mm
VOLUME /var/lib/mm
USER 10001:10001
STOPSIGNAL SIGTERM

FROM runtime AS gpu
COPY --from=build-gpu /opt/mm /opt/mm
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
HEALTHCHECK --interval=30s --timeout=15s --start-period=180s --retries=3 CMD ["python", "-P", "-m", "workers.health"]
CMD ["python", "-P", "-m", "workers"]

FROM runtime AS cpu
COPY --from=build-cpu /opt/mm /opt/mm
EXPOSE 8321
HEALTHCHECK --interval=30s --timeout=15s --start-period=120s --retries=3 CMD ["python", "-P", "-m", "api.health"]
CMD ["python", "-P", "-m", "api"]

# Two stages: what builds is left behind, what runs has neither pip nor a compiler nor rights.
FROM python:3.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN python -m venv /app/.venv
COPY requirements.lock ./
RUN /app/.venv/bin/python -m pip install --require-hashes --no-deps --only-binary :all: -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY classifiers ./classifiers
COPY moderation ./moderation
COPY migrations ./migrations
RUN /app/.venv/bin/python -m pip install --no-build-isolation --no-deps --editable . \
    && /app/.venv/bin/python -m compileall -q moderation classifiers migrations \
    && /app/.venv/bin/python -m pip uninstall --yes --quiet pip

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="Replydesk" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --system --gid 10001 replydesk \
    && useradd --system --uid 10001 --gid replydesk --no-create-home --home-dir /data replydesk \
    && install -d -o replydesk -g replydesk -m 0700 /data
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    REPLYDESK_BIND=0.0.0.0:8000 \
    REPLYDESK_DATA=/data
USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['REPLYDESK_BIND'].rpartition(':')[2] + '/readyz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["replydesk"]
CMD ["run"]

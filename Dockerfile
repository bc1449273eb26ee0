FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
COPY orchestrator orchestrator
COPY bot bot
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir -c constraints.txt '.[postgres,otel]'

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 orchestrator \
    && mkdir /data && chown orchestrator /data
COPY --from=build /venv /venv
COPY manifest.yml /app/manifest.yml
WORKDIR /app
USER orchestrator
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DATABASE_URL=sqlite+aiosqlite:////data/orchestrator.db
VOLUME /data
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s CMD ["python", "-m", "bot", "doctor", "--quiet", "--no-calls"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m", "bot"]

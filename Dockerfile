# The dashboard in a container: docker build -t two-answers . && docker run -p 5006:5006 -v votes:/data two-answers
# On x86-64 pip's torch brings gigabytes of CUDA. The image needs none: --build-arg TORCH_INDEX=URL takes torch's CPU build
# from the index that PyTorch's own page of installation names for it.
FROM debian:trixie-slim

# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 judge \
    && mkdir /data \
    && chown judge:judge /data

WORKDIR /app
COPY . .
ARG TORCH_INDEX
# torch comes first, so that only it and what it needs may come from that index; its build "+cpu" meets the pin.
RUN python3 -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --constraint constraints.txt \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch \
    && /venv/bin/pip install --no-cache-dir --constraint constraints.txt ".[all,postgres]"

USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 5006
ENV HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["/venv/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5006/health', timeout=8)"]
ENTRYPOINT ["/venv/bin/python", "-m", "dashboard", "/app/params.yaml", "--set", "dashboard.server.address=0.0.0.0"]

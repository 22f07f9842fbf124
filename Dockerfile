# An image of `riskclf serve`: docs/deploy.md says how to run it.
FROM python:3.12-slim

# The CPU build of torch is far smaller. PyTorch's installation page names the index that has it:
# docker build --build-arg TORCH_INDEX=URL -t riskclf .
ARG TORCH_INDEX=""

ENV HF_HUB_OFFLINE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1

WORKDIR /src
COPY constraints.txt ./
RUN pip install -c constraints.txt ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch
COPY pyproject.toml README.md LICENSE ./
COPY riskclf ./riskclf
RUN pip install -c constraints.txt ".[serve]" && rm -r /src

WORKDIR /
USER 65534:65534
EXPOSE 8000
HEALTHCHECK --start-period=60s CMD ["python", "-c", \
  "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=5)"]

# Without the variable RISKCLF_TOKEN, or --token-file, it does not start.
ENTRYPOINT ["riskclf", "serve", "--host", "0.0.0.0"]

# The dashboard and the service in one image. Not built by the tests of this project.
#
#   docker build -t bert4rec .
#   docker build -t bert4rec:cuda --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 .
#
# A wheel of torch for CUDA brings the libraries it needs; the host needs NVIDIA's driver and container toolkit. For an image
# with CUDA of its own, give --build-arg BASE=..., any Debian or Ubuntu with Python 3.11 or 3.12 as python3 and venv.

ARG BASE=python:3.12-slim-bookworm
FROM ${BASE} AS build

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN python3 -m venv /opt/bert4rec
# Torch first and from its own index: the rest then finds it installed. It changes seldom, and so does this layer.
COPY constraints.txt ./
RUN /opt/bert4rec/bin/pip install --index-url "${TORCH_INDEX}" "$(grep '^torch==' constraints.txt)"
COPY . .
RUN grep -v '^torch==' constraints.txt > /tmp/constraints.txt \
    && /opt/bert4rec/bin/pip install -c /tmp/constraints.txt '.[index,login,onnx,serve]'

ARG BASE
FROM ${BASE}

COPY --from=build /opt/bert4rec /opt/bert4rec
ENV PATH=/opt/bert4rec/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    BERT4REC_WORKSPACE=/workspace
# No right to change the program, and a home for what libraries keep.
RUN useradd --create-home --uid 10001 bert4rec \
    && install -d -o bert4rec -g bert4rec /workspace
USER bert4rec
WORKDIR /home/bert4rec
VOLUME /workspace
EXPOSE 8501 8600

# Inside a container only 0.0.0.0 can be reached; publish it as 127.0.0.1:8501:8501 unless others are to see it.
ENTRYPOINT ["bert4rec"]
CMD ["app", "--host", "0.0.0.0", "--no-browser"]

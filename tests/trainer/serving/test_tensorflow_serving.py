"""The request of docs/serving.md, by TensorFlow Serving's own API, over gRPC.

TensorFlow Serving itself is no Python package. A server of its service stands in for
it: it finds signature and tensors as the API's messages name them.
"""

import io
import re
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

DOCS = Path(__file__).parents[3] / "docs" / "serving.md"


class Served(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers Predict with a SavedModel's signatures."""

    def __init__(self, path):
        self._model = tf.saved_model.load(path)

    def Predict(self, request, context):  # noqa: N802  the service's name for it
        name = request.model_spec.signature_name or "serving_default"
        taken = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        given = self._model.signatures[name](
            **{key: tf.constant(value) for key, value in taken.items()}
        )
        response = predict_pb2.PredictResponse()
        for key, value in given.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return response


@pytest.fixture(scope="module")
def port(tmp_path_factory, save_one_box):
    server = grpc.server(futures.ThreadPoolExecutor(1))
    model = save_one_box(tmp_path_factory.mktemp("served") / "7")
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
        Served(model), server
    )
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield port
    server.stop(None)


def test_the_request_of_the_docs_gets_the_detections(port, tmp_path):
    (snippet,) = re.findall(r"```python\n(import grpc\n.*?)```", DOCS.read_text(), re.S)
    picture = tmp_path / "street.jpg"
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30)).save(buffer, "JPEG")
    picture.write_bytes(buffer.getvalue())
    program = snippet.replace("localhost:8500", f"localhost:{port}").replace(
        '"street.jpg"', repr(str(picture))
    )

    names = {}
    exec(program, names)

    found = names["found"]
    np.testing.assert_array_equal(found["boxes"], [[[0, 0, 40, 30]]])
    assert found["class_names"].tolist() == [[b"dog"]]
    assert found["num_detections"].tolist() == [1]

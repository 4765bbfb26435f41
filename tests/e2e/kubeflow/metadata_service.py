"""ml-metadata's own store, served over gRPC: what KFP's driver and launcher talk to."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent import futures

import grpc
from ml_metadata import metadata_store
from ml_metadata.metadata_store.pywrap.metadata_store_extension import (
    metadata_store as native,
)
from ml_metadata.proto import metadata_store_pb2, metadata_store_service_pb2


@contextlib.contextmanager
def served_store() -> Iterator[metadata_store.MetadataStore]:
    """A client of an empty store, over a loopback port."""
    config = metadata_store_pb2.ConnectionConfig()
    config.fake_database.SetInParent()
    options = metadata_store_pb2.MigrationOptions()
    store = native.CreateMetadataStore(
        config.SerializeToString(), options.SerializeToString()
    )
    service = metadata_store_service_pb2.DESCRIPTOR.services_by_name[
        "MetadataStoreService"
    ]
    lock = threading.Lock()
    codes = {code.value[0]: code for code in grpc.StatusCode}

    def handler(name):
        def call(request, context):
            with lock:
                response, message, code = getattr(native, name)(store, request)
            if code:
                context.abort(codes[code], str(message))
            return response

        return grpc.unary_unary_rpc_method_handler(call)  # bytes in, bytes out

    server = grpc.server(futures.ThreadPoolExecutor(2))
    names = [method.name for method in service.methods if hasattr(native, method.name)]
    handlers = {name: handler(name) for name in names}
    generic = grpc.method_handlers_generic_handler(service.full_name, handlers)
    server.add_generic_rpc_handlers((generic,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield metadata_store.MetadataStore(
            metadata_store_pb2.MetadataStoreClientConfig(host="127.0.0.1", port=port)
        )
    finally:
        server.stop(None)

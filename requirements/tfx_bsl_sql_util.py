"""Stands in for a module that tfx-bsl no longer has and older TFDV still imports."""

# Installed on glibc < 2.39 only, where TFDV stays at 1.16.1. It can go, with
# overrides-glibc-older.txt and that lock, when ml-metadata and
# tensorflow-data-validation >= 1.21 publish manylinux wheels for older glibc.


class RecordBatchSQLSliceQuery:
    """Slicing by SQL, which needs ZetaSQL: tfx-bsl 1.21 left it out."""

    def __init__(self, sql: str, arrow_schema: object) -> None:
        raise NotImplementedError(f"tfx-bsl 1.21 cannot slice by SQL: {sql}")

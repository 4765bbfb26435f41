"""Several processes train one model."""

import pytest

from schemas.user_error import UserError
from trainer.training.hosts import this_host
from trainer.training.strategy import distribution_scope, require_equal_shares


def test_without_the_others_it_is_refused_with_what_to_start():
    with pytest.raises(UserError, match="'multi_host' is JAX's, and the backend here"):
        this_host("multi_host")
    with pytest.raises(UserError, match="run with KERAS_BACKEND=jax"):
        distribution_scope("multi_host")
    with pytest.raises(UserError, match="run with KERAS_BACKEND=jax"):
        require_equal_shares("multi_host", 8)

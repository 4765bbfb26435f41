import pytest

from schemas.user_error import UserError
from trainer.input.host import Host
from trainer.training.meeting import Meeting, meeting_in

# what each launcher sets, as its source says
KUBEFLOW_TRAINER = {
    "JAX_COORDINATOR_ADDRESS": "job-node-0-0.job:29500",
    "JAX_COORDINATOR_PORT": "29500",
    "JAX_NUM_PROCESSES": "4",
    "JAX_PROCESS_ID": "3",
}
JAXJOB = {
    "COORDINATOR_ADDRESS": "job-worker-0",
    "COORDINATOR_PORT": "6666",
    "NUM_PROCESSES": "2",
    "PROCESS_ID": "0",
}
INDEXED_JOB = {
    "JAX_COORDINATOR_ADDRESS": "job-0.hosts:1234",
    "JAX_NUM_PROCESSES": "2",
    "JOB_COMPLETION_INDEX": "1",
}


@pytest.mark.parametrize(
    ("environment", "meeting"),
    [
        (KUBEFLOW_TRAINER, Meeting("job-node-0-0.job:29500", Host(3, 4))),
        (JAXJOB, Meeting("job-worker-0:6666", Host(0, 2))),
        (INDEXED_JOB, Meeting("job-0.hosts:1234", Host(1, 2))),
        (
            {**INDEXED_JOB, "JAX_COORDINATOR_ADDRESS": "[::1]:65535"},
            Meeting("[::1]:65535", Host(1, 2)),
        ),
        ({"JOB_COMPLETION_INDEX": "1"}, None),  # JAX looks itself
    ],
)
def test_every_launcher_says_it_in_its_own_words(environment, meeting):
    assert meeting_in(environment) == meeting


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"JAX_COORDINATOR_ADDRESS": "a", "JAX_COORDINATOR_PORT": ""}, "has no port"),
        ({"JAX_COORDINATOR_ADDRESS": ":29500"}, "is no HOST:PORT"),
        ({"JAX_COORDINATOR_ADDRESS": "http://a:29500"}, "is no HOST:PORT"),
        ({"JAX_COORDINATOR_ADDRESS": "a b:29500"}, "is no HOST:PORT"),
        ({"JAX_COORDINATOR_ADDRESS": "a:0"}, "is no HOST:PORT"),
        ({"JAX_COORDINATOR_ADDRESS": "a:65536"}, "is no HOST:PORT"),
        ({"JAX_NUM_PROCESSES": ""}, "JAX_NUM_PROCESSES is not set"),
        ({"JAX_PROCESS_ID": "one"}, "JAX_PROCESS_ID is 'one'"),
        ({"JAX_PROCESS_ID": "4"}, "process 4 of 4 in the environment"),
    ],
)
def test_half_of_a_meeting_is_refused(change, message):
    with pytest.raises(UserError, match=message):
        meeting_in(KUBEFLOW_TRAINER | change)

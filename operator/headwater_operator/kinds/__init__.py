"""The kinds of workloads that are understood, one adapter each.

A further kind is a module of its own and a row here.
"""

from .adapter import Adapter, Resource
from .argo_workflow import CronWorkflowAdapter, WorkflowAdapter
from .inference_service import InferenceServiceAdapter
from .job import CronJobAdapter, JobAdapter
from .katib import ExperimentAdapter, TrialAdapter
from .kubeflow_pipelines import RunAdapter, TaskAdapter
from .ray_job import RayJobAdapter
from .spark_application import SparkApplicationAdapter
from .train_job import TrainJobAdapter
from .training_operator import TrainingOperatorAdapter

ADAPTERS: tuple[Adapter, ...] = (
    JobAdapter(),
    CronJobAdapter(),
    WorkflowAdapter(),
    CronWorkflowAdapter(),
    RunAdapter(),
    TaskAdapter(),
    TrainJobAdapter(),
    TrainingOperatorAdapter(Resource("kubeflow.org", "v1", "pytorchjobs", "PyTorchJob"), "pytorchReplicaSpecs"),
    TrainingOperatorAdapter(Resource("kubeflow.org", "v1", "tfjobs", "TFJob"), "tfReplicaSpecs"),
    TrainingOperatorAdapter(Resource("kubeflow.org", "v2beta1", "mpijobs", "MPIJob", also=("v1",)), "mpiReplicaSpecs"),
    TrainingOperatorAdapter(Resource("kubeflow.org", "v1", "xgboostjobs", "XGBoostJob"), "xgbReplicaSpecs"),
    TrainingOperatorAdapter(Resource("kubeflow.org", "v1", "jaxjobs", "JAXJob"), "jaxReplicaSpecs"),
    TrainingOperatorAdapter(Resource("kubeflow.org", "v1", "paddlejobs", "PaddleJob"), "paddleReplicaSpecs"),
    ExperimentAdapter(),
    TrialAdapter(),
    InferenceServiceAdapter(),
    SparkApplicationAdapter(),
    RayJobAdapter(),
)

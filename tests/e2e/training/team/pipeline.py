"""Trains a model that tells by its features which cultivar a wine is of."""

from functools import partial

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

component = partial(dsl.component, base_image="localhost/wine-team:1", install_kfp_package=False)


@component
def split(features: Input[Dataset], test_share: float, train: Output[Dataset], test: Output[Dataset]):
    """Sets some wines aside, on which the model will be tried."""
    import csv
    from pathlib import Path

    from sklearn.model_selection import train_test_split

    with Path(features.path).open(newline="") as file:
        heading, *rows = csv.reader(file)
    parts = train_test_split(rows, test_size=test_share, random_state=1, stratify=[row[-1] for row in rows])
    for part, artifact in zip(parts, (train, test), strict=True):
        with Path(artifact.path).open("w", newline="") as file:
            csv.writer(file).writerows([heading, *part])
        artifact.metadata["rows"] = len(part)


@component
def fit(train: Input[Dataset], regularization: float, model: Output[Model]):
    """Fits a logistic regression."""
    import csv
    from pathlib import Path

    import joblib
    from sklearn.linear_model import LogisticRegression

    with Path(train.path).open(newline="") as file:
        _, *rows = csv.reader(file)
    fitted = LogisticRegression(C=1 / regularization)
    fitted.fit([[float(value) for value in row[:-1]] for row in rows], [row[-1] for row in rows])
    joblib.dump(fitted, model.path)
    model.metadata["framework"] = "scikit-learn"


@component
def evaluate(model: Input[Model], test: Input[Dataset], metrics: Output[Metrics]):
    """Tries the model on the wines that it has not seen."""
    import csv
    from pathlib import Path

    import joblib

    with Path(test.path).open(newline="") as file:
        _, *rows = csv.reader(file)
    measured = [[float(value) for value in row[:-1]] for row in rows]
    score = joblib.load(model.path).score(measured, [row[-1] for row in rows])
    metrics.log_metric("accuracy", float(score))


@dsl.pipeline(name="wine")
def wine(test_share: float = 0.25, regularization: float = 1.0):
    """From the team's features to a model, and how good it is."""
    features = dsl.importer(artifact_uri="s3://lake/features/wine.csv", artifact_class=Dataset, reimport=False)
    parts = split(features=features.output, test_share=test_share)
    fitted = fit(train=parts.outputs["train"], regularization=regularization)
    evaluate(model=fitted.outputs["model"], test=parts.outputs["test"])

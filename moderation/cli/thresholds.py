"""The thresholds a new site begins with."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from classifiers import ArtifactError, bundled_path
from classifiers.artifact import load
from moderation import config
from moderation.policy import LABELS

# Careful figures for a model that says nothing of its own: half sure is queued, nine in ten rejected.
CAREFUL = {"publish_below": 0.5, "reject_above": 0.9}


def model_thresholds() -> Mapping[str, Mapping[str, float]]:
    """Those that the bundled model (or ``MODEL_DIR``) was measured with; careful ones where it has none."""
    chosen = config.load()["MODEL_DIR"]
    folder = Path(chosen) if chosen else bundled_path()
    try:
        load(folder)
        measured = json.loads((folder / "manifest.json").read_text())["thresholds"]
    except (ArtifactError, KeyError) as error:
        click.echo(f"replydesk: The model gives no thresholds ({error}); careful ones are used.", err=True)
        measured = {}
    return {label: measured.get(label, CAREFUL) for label in LABELS}

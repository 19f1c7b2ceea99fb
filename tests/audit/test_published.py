"""Every published figure of the catalogue has a verdict, and every difference a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from vlcalc.audit.figures import METRICS
from vlcalc.audit.published import VERDICTS, PublishedFigure, all_specs, audited_figures, figures_of
from vlcalc.audit.published_tables import figures_for_machines, figures_for_people
from vlcalc.core.errors import InputError
from vlcalc.cost.components import components
from vlcalc.spec import catalogue
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ModelSpec, Published

ALL = audited_figures("all")
# What these presets' figures are of has no closed form: convolutional tokenisers.
NOT_RECOMPUTED = {
    ("fusion:chameleon-vq", "tokenizer_params"),
    ("fusion:emu3-vq", "tokenizer_params"),
}


def name_of(figure: PublishedFigure) -> str:
    return f"{figure.spec}-{figure.published.metric}-{figure.published.value}"


def test_nothing_published_is_left_out() -> None:
    """As many figures as the YAML files have, of whatever kind they are."""
    written = 0
    for path in catalogue.specs_folder().rglob("*.yaml"):
        data = catalogue.document_of(path).data
        blocks = [data, *data.get("variants", ())]
        written += sum(len(block.get("published") or ()) for block in blocks)
    inherited = sum(
        len(spec.published)
        for spec in all_specs()
        if isinstance(spec, ModelSpec) and "published" not in _own_keys(spec.name)
    )
    assert len(ALL) == written + inherited


def _own_keys(name: str) -> set[str]:
    entry = catalogue.find(name, ("model",))
    data = catalogue.document_of(entry.path).data
    return set(data if entry.variant is None else data["variants"][entry.variant])


@pytest.mark.parametrize("figure", ALL, ids=name_of)
def test_a_figure_has_a_verdict_and_a_difference_a_reason(figure: PublishedFigure) -> None:
    assert figure.verdict in VERDICTS
    if figure.verdict in ("different", "not recomputed"):
        assert figure.why
    if not figure.is_flops:
        assert figure.published.metric in METRICS


def test_only_what_is_not_modelled_is_not_recomputed() -> None:
    found = {(f.spec, f.published.metric) for f in ALL if f.verdict == "not recomputed"}
    models = {entry.name for entry in catalogue.entries("model")}
    for name in {name for name, _ in found if name in models}:
        spec = load_spec(name)
        assert isinstance(spec, ModelSpec)
        assert components(spec).total is None
    assert {pair for pair in found if pair[0] not in models} == NOT_RECOMPUTED


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("blip-image-captioning-base", 30_524 * 768),
        ("janus-pro-1b", 12_595_200 + 65_536),
        ("phi-4-multimodal", 160),
    ],
)
def test_what_a_checkpoint_stores_beside_its_parameters(name: str, more: int) -> None:
    (figure,) = (f for f in audited_figures(name) if f.published.metric == "params")
    assert (figure.verdict, figure.difference) == ("different", more)


@pytest.mark.parametrize(
    ("metric", "value", "ours", "verdict"),
    [
        ("params", 100, 100, "equal"),
        ("params", 100, 101, "different"),
        ("params_rounded", 7_060_000_000, 7_062_902_784, "within rounding"),
        ("params_rounded", 7_060_000_000, 7_060_000_000, "equal"),
        ("params_rounded", 7_060_000_000, 7_066_000_000, "different"),
        ("params", 100, None, "not recomputed"),
    ],
)
def test_verdicts(metric: str, value: int, ours: int | None, verdict: str) -> None:
    published = Published(metric=metric, value=value, source="a paper")
    assert PublishedFigure(spec="x", published=published, part="all", ours=ours).verdict == verdict


def test_difference_and_share() -> None:
    published = Published(metric="params", value=90, source="a paper")
    figure = PublishedFigure(spec="x", published=published, part="all", ours=100)
    assert (figure.difference, figure.share) == (-10, -0.1)


def test_a_changed_spec_changes_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = """
name: mine
vision: {{ use: clip-vit-l-14-336, feature_layer: -2, drop_cls: true }}
tiling: {{ kind: fixed, size: 336 }}
fusion: {{ kind: mlp }}
language: {{ use: vicuna-7b-v1.5, decoder: {{ vocab_size: {rows} }} }}
published:
  - {{ metric: params, value: 7_063_427_072, source: a paper }}
  - {{ metric: params_of_hope, value: 1, source: a paper }}
"""
    path.write_text(text.format(rows="32_064"))
    first, second = audited_figures(str(path))
    assert (first.verdict, second.verdict) == ("equal", "not recomputed")
    assert "no metric is called `params_of_hope`" in second.why
    other = tmp_path / "other.yaml"
    other.write_text(text.format(rows="32_000").replace("name: mine", "name: other"))
    assert audited_figures(str(other))[0].difference == 2 * 64 * 4096


def test_an_api_has_no_figures() -> None:
    assert audited_figures("gpt-4o") == []
    (table,) = figures_for_people([], title="Published figures of gpt-4o", several=False)
    assert "quotes no figure" in table.notes[0]


def test_a_name_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"did you mean `llava-1\.5-7b`"):
        audited_figures("llava-1.5-7")


def test_a_part_has_no_figures_to_audit(tmp_path: Path) -> None:
    path = tmp_path / "encoder.yaml"
    path.write_text("name: encoder\npatch_size: 14\n")
    with pytest.raises(InputError, match="a model or a fusion preset"):
        audited_figures(str(path))


def test_tables_hold_all_figures() -> None:
    people = figures_for_people(ALL, title="All", several=True)
    assert sum(len(list(table.rows)) for table in people) == len(ALL)
    rows = list(figures_for_machines(ALL, title="All").rows)
    assert [row[0] for row in rows] == [figure.spec for figure in ALL]


def test_figures_of_a_fusion_preset() -> None:
    verdicts = {
        f.published.metric: f.verdict for f in audited_figures("fusion:llama-3.2-11b-xattn")
    }
    assert verdicts == dict.fromkeys(("params", "params_of_projector", "params_of_layers"), "equal")
    assert len(figures_of(next(all_specs()))) <= len(ALL)

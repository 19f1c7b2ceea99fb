"""FLOPs as others print them, against sums written out here."""

from __future__ import annotations

import pytest

from vlcalc.audit.conventions import CONVENTIONS, convention_of, lengths_that_give
from vlcalc.audit.precision import same_as_printed
from vlcalc.audit.published import audited_figures
from vlcalc.backbones.decoder import Decoder
from vlcalc.core.errors import InputError
from vlcalc.spec.loader import load_spec
from vlcalc.spec.schema import ModelSpec

LAYERS, WIDTH, HIDDEN, VOCABULARY = 32, 4096, 11_008, 32_064


def vicuna() -> Decoder:
    spec = load_spec("llava-1.5-7b")
    assert isinstance(spec, ModelSpec)
    assert spec.language.decoder
    return spec.language.decoder


def macs_of_layers(tokens: int, matrices: int = 3) -> int:
    weights = 4 * WIDTH**2 + matrices * WIDTH * HIDDEN
    return LAYERS * (tokens * weights + 2 * tokens**2 * WIDTH)


def flops(convention: str, tokens: int) -> int:
    return CONVENTIONS[convention].flops(vicuna(), tokens)


def test_every_convention_is_the_sum_that_it_says() -> None:
    n = 622
    logits = 2 * WIDTH * VOCABULARY
    assert flops("ours", n) == 2 * macs_of_layers(n) + logits
    assert flops("all_logits", n) == 2 * macs_of_layers(n) + n * logits
    assert flops("macs", n) == macs_of_layers(n)
    assert flops("two_matrix_macs", n) == macs_of_layers(n, matrices=2)
    assert flops("two_matrix_macs_per_layer", n) * LAYERS == macs_of_layers(n, matrices=2)


def test_the_three_figures_that_are_printed_for_622_tokens() -> None:
    """8.42 T with all logits is printed as 8.48 T, which is that of 626; 99.3 G that of 612."""
    audited = audited_figures("llava-1.5-7b")
    figures = {each.published.value: each for each in audited if each.is_flops}
    assert set(figures) == {8.48e12, 3.23e12, 99.3e9}
    assert {each.ours for each in figures.values()} == {8_259_251_994_624}
    assert figures[3.23e12].by_convention == 3_232_047_824_896
    assert figures[8.48e12].by_convention == 8_422_369_001_472
    assert figures[99.3e9].by_convention == 101_001_494_528
    assert figures[3.23e12].verdict == "explained"
    assert {figures[value].verdict for value in (8.48e12, 99.3e9)} == {"different"}
    assert "that of 626 tokens" in figures[8.48e12].why
    assert "that of 612 tokens" in figures[99.3e9].why


def test_a_figure_that_its_convention_gives_is_explained_everywhere() -> None:
    given = [
        figure.verdict
        for figure in audited_figures("all")
        if figure.by_convention is not None
        and same_as_printed(figure.by_convention, figure.published.value)
    ]
    assert given
    assert "different" not in given


def test_lengths_that_give_a_figure() -> None:
    decoder = vicuna()
    layer = CONVENTIONS["two_matrix_macs_per_layer"]
    assert lengths_that_give(layer, decoder, 99.3e9, 622) == range(612, 613)
    assert lengths_that_give(layer, decoder, 99.3e9, 500) == range(0)
    assert list(lengths_that_give(CONVENTIONS["two_matrix_macs"], decoder, 3.23e12, 622)) == [
        *(621, 622),
    ]


def test_an_unknown_convention_is_refused() -> None:
    assert convention_of("") is CONVENTIONS["ours"]
    with pytest.raises(InputError, match="did you mean `two_matrix_macs`"):
        convention_of("two_matrix_mac")

"""What an image costs in a memory, against counts made by hand."""

from __future__ import annotations

import math

import pytest

from hysteron._assets import asset_dir
from hysteron.driver.candidates import Candidate, choose_grid
from hysteron.driver.compile import Options, compile_model
from hysteron.driver.cost import Cost, cost, cost_notes
from hysteron.image.program import Program
from hysteron.memory.load import load_technology

_MLP_BITS = 64 * 256 + 256 * 256 + 256 * 10 + 2 * 256 * 16 + 2 * 256


@pytest.fixture(scope="module")
def mlp() -> Program:
    """Return the digits MLP: dense layers only."""
    path = asset_dir("models") / "digits_mlp" / "digits_mlp.onnx"
    return compile_model(path, Options(inputs=("uint8",))).program


@pytest.fixture(scope="module")
def cnn() -> Program:
    """Return the digits CNN: its convolutions read weights once per output position."""
    path = asset_dir("models") / "digits_cnn" / "digits_cnn.onnx"
    return compile_model(path, Options(inputs=("uint8",))).program


def _candidates(program: Program, memory: str, *settings: str) -> list[Candidate]:
    return list(choose_grid(program, None, [memory], settings, None).candidates)


def _cost(program: Program, memory: str, *settings: str) -> Cost:
    (candidate,) = _candidates(program, memory, *settings)
    found = cost(program, candidate)
    assert found is not None
    return found


def test_devices_count_cells_of_the_memory_and_check_bits_of_the_code(mlp: Program) -> None:
    single, pairs = _cost(mlp, "hfo2-rram-1t1r"), _cost(mlp, "hfo2-rram-2t2r")
    assert (single.values, single.devices) == (_MLP_BITS, _MLP_BITS)
    assert pairs.devices == 2 * _MLP_BITS and pairs.devices_per_value == 2
    coded = _cost(mlp, "hfo2-rram-1t1r+secded-72-64")
    assert coded.devices == pytest.approx(_MLP_BITS * 72 / 64)
    partly = _cost(mlp, "weights=hfo2-rram-1t1r+triplicate,thresholds=hfo2-rram-1t1r")
    weights, thresholds = 64 * 256 + 256 * 256 + 2560, 2 * 256 * 16
    assert partly.devices == 3 * weights + thresholds and partly.values == weights + thresholds


def test_codes_in_the_image_cost_their_check_cells_and_are_read_once(cnn: Program) -> None:
    path = asset_dir("models") / "digits_cnn" / "digits_cnn.onnx"
    options = Options(inputs=("uint8",), ecc="secded-39-32")
    plain, coded = _cost(cnn, "st-mram"), _cost(compile_model(path, options).program, "st-mram")
    assert coded.values == plain.values
    assert coded.devices >= plain.devices * 39 / 32  # words are filled up
    assert coded.devices < plain.devices * 1.4
    assert coded.program_energy == pytest.approx(coded.devices)
    assert coded.read_energy_high == coded.read_energy_low
    assert plain.read_energy_high is not None and plain.read_energy_low is not None
    assert plain.read_energy_high > plain.read_energy_low


def test_energy_is_relative_to_a_stated_reference(mlp: Program) -> None:
    usual = _cost(mlp, "st-mram")
    assert usual.program_energy == pytest.approx(_MLP_BITS)  # one default pulse per bit
    assert usual.energy_unit is not None and "st-mram" in usual.energy_unit
    half = _cost(mlp, "st-mram", "write_pulse_ns=6")
    assert half.program_energy == pytest.approx(_MLP_BITS / 2)
    strong = _cost(mlp, "st-mram", "write_current_ratio=4")
    assert strong.program_energy == pytest.approx(4 * _MLP_BITS)  # I^2 R t
    assert strong.transistor_width == pytest.approx(2 * (usual.transistor_width or math.nan))
    assert "J" not in {usual.energy_unit, half.energy_unit}


def test_dense_layers_read_each_cell_once_per_inference(mlp: Program) -> None:
    found = _cost(mlp, "st-mram")
    read = load_technology("st-mram").energy()
    assert read is not None and read.read is not None
    assert found.read_energy_low == found.read_energy_high == pytest.approx(_MLP_BITS * read.read)


def test_convolutions_bound_their_reads_by_the_output_positions(cnn: Program) -> None:
    found = _cost(cnn, "st-mram")
    unit = load_technology("st-mram").energy()
    assert unit is not None and unit.read is not None
    layout, graph = cnn.layout, cnn.final
    most = 0
    for node in graph.nodes:
        shape = graph.types[node.outputs[0]].shape
        cells = sum(
            layout.by_const[name].cells.count for name in node.inputs if name in layout.by_const
        )
        most += cells * (shape[0] * shape[1] if len(shape) == 3 else 1)
    assert found.read_energy_high == pytest.approx(most * unit.read)
    assert found.read_energy_low == pytest.approx(found.values * unit.read)
    assert most > 4 * found.values
    notes = cost_notes(cnn, _candidates(cnn, "st-mram"))
    assert any("output position" in note for note in notes)


def test_energies_in_different_units_are_not_added(mlp: Program) -> None:
    memory = "weights=st-mram,thresholds=hfo2-rram-1t1r,inverts=ideal"
    found = _cost(mlp, memory)
    assert found.program_energy is None and found.energy_unit is None
    assert "layer_0_weights" in found.uncounted and "layer_0_thresholds" in found.uncounted
    assert found.devices == _MLP_BITS
    notes = cost_notes(mlp, _candidates(mlp, memory))
    assert any("leave out" in note and "layer_0_inverts" in note for note in notes)


def test_what_a_technology_does_not_state_stays_unknown(mlp: Program) -> None:
    found = _cost(mlp, "hfo2-rram-1t1r")
    assert found.program_energy is not None
    assert found.read_energy_low is found.read_energy_high is found.transistor_width is None


def test_plain_error_rates_cost_nothing_known(mlp: Program) -> None:
    (candidate,) = choose_grid(mlp, "0.1", (), (), None).candidates
    assert cost(mlp, candidate) is None

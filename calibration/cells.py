"""All cells, as data: written down before the first run."""

from __future__ import annotations

from typing import Any

from calibration.cell import DEFAULT_RUNS, REFIT_RUNS, Cell, Gate, Stream

STREAMS = {
    name: Stream(number, design, rows)
    for number, name, design, rows in (
        (101, "T1-gaussian-300", "T1 Gaussian", 300),
        (102, "T1-binomial-1000", "T1 binomial", 1000),
        (103, "T2-gaussian-300", "T2 Gaussian", 300),
        (104, "D1-5-gaussian-300", "D1/5 Gaussian", 300),
        (105, "D1-5-binomial-1000", "D1/5 binomial", 1000),
        (106, "M-gaussian-500", "M/5 Gaussian", 500),
        (201, "D1-gaussian-300", "D1 Gaussian", 300),
        (202, "D1-gaussian-1000", "D1 Gaussian", 1000),
        (203, "D1-poisson-1000", "D1 Poisson", 1000),
        (204, "D1-binomial-2000", "D1 binomial", 2000),
        (205, "D1-binomial-500", "D1 binomial", 500),
        (206, "D1-gamma-500", "D1 gamma", 500),
        (207, "D1-negative-binomial-1500", "D1 negative binomial", 1500),
        (208, "D1-tobit-800", "D1 Tobit", 800),
        (209, "D1-ordinal-1500", "D1 ordinal", 1500),
        (210, "D1-multinomial-2000", "D1 multinomial", 2000),
        (211, "D1-gaussian-500", "D1 Gaussian", 500),
        (212, "D1-binomial-1000", "D1 binomial", 1000),
        (221, "D2-gaussian-500", "D2 Gaussian", 500),
        (222, "D2-binomial-1000", "D2 binomial", 1000),
        (241, "D4-gaussian-500", "D4 Gaussian", 500),
        (242, "D4-binomial-1000", "D4 binomial", 1000),
        (251, "D5-gaussian-250", "D5 Gaussian", 250),
        (252, "D5-binomial-500", "D5 binomial", 500),
        (261, "D6-tilted-1000", "D6 tilted", 1000),
        (262, "D6-clustered-1000", "D6 clustered", 1000),
        (271, "D7-binomial-60", "D7 binomial", 60),
        (281, "D2L-gaussian-500", "D2L Gaussian", 500),
        (282, "D2L-binomial-1000", "D2L binomial", 1000),
    )
}

COVERAGE = ("effects", "curve")
LEAST_DEFAULT = (
    Gate("AME, mean", 0.93, 0.985),
    Gate("AME, worst input", 0.90),
    Gate("eta", 0.93),
    Gate("withheld", None, 0.05),
    Gate("refits not converged", None, 0.05),
    Gate("by delta", None, 0.05),
)


def _cell(name: str, group: str, stream: str, **keywords: Any) -> Cell:
    return Cell(name, group, STREAMS[stream], **keywords)


def _skips() -> tuple[tuple[str, bool], ...]:
    return (("skip", True), ("plain", False))


def _default_cells() -> list[Cell]:
    """The untouched default, in six designs; three units and the plain recursion beside it."""
    delta = {"inference": "delta"}
    oracles: dict[str, dict[str, Any]] = {
        "T1-gaussian-300": {"hidden": ()},
        "T1-binomial-1000": {"hidden": ()},
        "T2-gaussian-300": {"hidden": (1,)},
        "D1-5-gaussian-300": {"hidden": (2,), "skip": False},
        "D1-5-binomial-1000": {"hidden": (2,), "skip": False},
        "M-gaussian-500": {"hidden": ()},
    }
    found = []
    variants: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("", "default", {}),
        ("-three", "default, three units", {"hidden": (3,)}),
        ("-plain", "default, plain", {"skip": False}),
    )
    for suffix, group, model in variants:
        for stream, oracle in oracles.items():
            linear = stream.startswith("T1")
            gates = LEAST_DEFAULT
            if linear and suffix != "-plain":
                gates += (
                    Gate("linear part", 0.93),
                    Gate("excess deviance over edf", None, 2.5),
                )
            if not stream.startswith("M"):
                gates += (Gate("width", None, 1.35),)
            found.append(
                _cell(
                    f"default{suffix}-{stream}",
                    group,
                    stream,
                    model=model,
                    measures=COVERAGE + (("linear part",) if linear else ()),
                    gates=gates,
                    runs=DEFAULT_RUNS,
                    oracle=oracle,
                    oracle_options=delta if oracle["hidden"] else {},
                )
            )
    return found


CONTINUOUS = (Gate("prediction intervals, actual", 0.94, 0.96),)
DISCRETE = (
    Gate("prediction intervals, actual", 0.94),
    Gate("prediction intervals, stated less actual", -0.01, 0.01),
)
"""Of counts, classes and the Tobit response, whose zero has a probability."""


def _correct_cells() -> list[Cell]:
    """The architecture of the truth: two tanh units, with and without the terms of the GLM."""
    gates = {
        "D1-gaussian-300": (Gate("AME, each", 0.935, 0.965),),
        "D1-gaussian-1000": (Gate("AME, each", 0.935, 0.965),),
        "D1-poisson-1000": (Gate("AME, each", 0.93, 0.97),),
        "D1-binomial-2000": (Gate("AME, each", 0.93, 0.97),),
        "D1-binomial-500": (Gate("AME, each", 0.93), Gate("eta", 0.93)),
    }
    printed = (Gate("AME printed by delta", 0.94, if_any=True), Gate("withheld", None, 0.05))
    found = [
        _cell(
            f"correct-{kind}-{stream}",
            "correct architecture",
            stream,
            model={"hidden": (2,), "skip": skip},
            measures=(*COVERAGE, "predictions"),
            gates=gate + printed + (CONTINUOUS if "gaussian" in stream else DISCRETE),
        )
        for stream, gate in gates.items()
        for kind, skip in _skips()
    ]
    for kind, skip in _skips():
        found.append(
            _cell(
                f"generous-{kind}-D1-binomial-500",
                "eta, binomial",
                "D1-binomial-500",
                model={"hidden": (4,), "skip": skip},
                gates=(Gate("eta", 0.93), Gate("withheld", None, 0.05)),
                runs=REFIT_RUNS,
            )
        )
    return found


def _input_test_cells() -> list[Cell]:
    found = []
    for stream, shown in (("D1-gaussian-500", 0.90), ("D1-binomial-1000", 0.40)):
        for units in (2, 3, 4):
            gates: tuple[Gate, ...] = (
                Gate("size first-order", 0.03, 0.08),
                Gate("size any form", 0.03, 0.08),
            )
            if units == 2:
                gates += (Gate("Wald shown", shown), Gate("LR shown", shown))
            else:
                gates += (Gate("Wald withheld", 0.95), Gate("LR withheld", 0.95))
            for kind, skip in _skips():
                found.append(
                    _cell(
                        f"input-{kind}-{units}-{stream}",
                        "tests of an input",
                        stream,
                        model={"hidden": (units,), "skip": skip},
                        options={"inference": "delta"},
                        measures=("input tests", "likelihood tests"),
                        gates=gates,
                    )
                )
    return found


POWER_STREAM = 300
"""Numbers of the streams of power start here."""


def _power_cells() -> list[Cell]:
    found, number = [], POWER_STREAM
    for family, rows, sizes in (
        ("Gaussian", 300, (0.1, 0.2, 0.3)),
        ("binomial", 1000, (0.2, 0.3, 0.5)),
    ):
        for shape in ("slope", "U"):
            for size in sizes:
                number += 1
                judged = (family, shape, size) == ("Gaussian", "U", 0.2)
                for kind, skip in _skips():
                    found.append(
                        Cell(
                            f"power-{kind}-{family.lower()}-{shape}-{size}",
                            "power of the tests of an input",
                            Stream(number, f"D3 {family} {shape} {size}", rows),
                            model={"hidden": (2,), "skip": skip},
                            options={"inference": "delta"},
                            measures=("input tests",),
                            gates=(Gate("power any form", 0.5),) if judged else (),
                            runs=REFIT_RUNS,
                        )
                    )
    for family, rows, sizes in (
        ("Gaussian", 250, (0.06, 0.1, 0.15)),
        ("binomial", 500, (0.2, 0.35, 0.5)),
    ):
        for part in ("net", "product"):
            for size in sizes:
                number += 1
                found.append(
                    Cell(
                        f"power-{family.lower()}-{part}-{size}",
                        "power of the tests of a GLM",
                        Stream(number, f"D5 {family} {part} {size}", rows),
                        model={"hidden": ()},
                        measures=("nonlinearity",),
                        runs=REFIT_RUNS,
                    )
                )
    return found


def _unit_test_cells() -> list[Cell]:
    size = (Gate("size of each", 0.035, 0.075),)
    found = [
        _cell(
            f"linear-{stream}",
            "tests of a GLM and of a unit",
            stream,
            model={"hidden": ()},
            measures=("nonlinearity",),
            gates=size,
        )
        for stream in ("D5-gaussian-250", "D5-binomial-500")
    ]
    for stream in ("D4-gaussian-500", "D4-binomial-1000"):
        for kind, skip in _skips():
            found.append(
                _cell(
                    f"unit-{kind}-{stream}",
                    "tests of a GLM and of a unit",
                    stream,
                    model={"hidden": (1,), "skip": skip},
                    options={"inference": "delta"},
                    measures=("unit",),
                    gates=size,
                )
            )
    return found


def _prediction_cells() -> list[Cell]:
    """Of a gamma response; those of other families are in cells that are simulated anyway."""
    return [
        _cell(
            f"prediction-{kind}-D1-gamma-500",
            "prediction intervals",
            "D1-gamma-500",
            model={"hidden": (2,), "skip": skip},
            measures=(*COVERAGE, "predictions"),
            gates=CONTINUOUS,
            runs=REFIT_RUNS,
        )
        for kind, skip in _skips()
    ]


def _robust_cells() -> list[Cell]:
    return [
        _cell(
            f"robust-{kind}-{stream}",
            "robust standard errors",
            stream,
            model={"hidden": (2,), "skip": skip},
            options={"cov_type": name},
            gates=(Gate("AME, each", 0.92, 0.97), Gate("withheld", None, 0.05)),
            oracle={"hidden": (2,), "skip": skip},
            oracle_options={"inference": "delta"},
            oracle_measures=("effects",),
        )
        for stream, name in (("D6-tilted-1000", "HC1"), ("D6-clustered-1000", "cluster"))
        for kind, skip in _skips()
    ]


def _saturation_cells() -> list[Cell]:
    found = []
    for kind, skip in _skips():
        found.append(
            _cell(
                f"saturation-{kind}-D7-binomial-60",
                "saturation",
                "D7-binomial-60",
                model={"hidden": (3,), "skip": skip, "penalty": None},
                options={"inference": "delta"},
                measures=("saturation",),
                gates=(
                    Gate("saturated units missed", None, 0.0),
                    Gate("errors printed beside a saturated unit", None, 0.0),
                ),
            )
        )
        for stream in ("D1-gaussian-300", "D1-binomial-2000"):
            found.append(
                _cell(
                    f"saturation-{kind}-{stream}",
                    "saturation",
                    stream,
                    model={"hidden": (2,), "skip": skip},
                    options={"inference": "delta"},
                    measures=("saturation",),
                    gates=(Gate("false flags", None, 0.02),),
                    runs=REFIT_RUNS,
                )
            )
    return found


def _auxiliary_cells() -> list[Cell]:
    each = (Gate("auxiliary, each", 0.93, 0.97),)
    streams = {
        "D1-tobit-800": ("predictions", each + DISCRETE),
        "D1-negative-binomial-1500": ("predictions", each + DISCRETE),
        "D1-ordinal-1500": (None, each),
    }
    return [
        _cell(
            f"auxiliary-{kind}-{stream}",
            "auxiliary parameters",
            stream,
            model={"hidden": (2,), "skip": skip},
            measures=(*COVERAGE, "auxiliary") + ((more,) if more else ()),
            gates=gates,
        )
        for stream, (more, gates) in streams.items()
        for kind, skip in _skips()
    ]


def _other_cells() -> list[Cell]:
    """Two hidden layers, and truths that no network is."""
    found = [
        _cell(
            f"layers-{kind}-{stream}",
            "two hidden layers",
            stream,
            model={"hidden": (3, 2), "skip": skip},
            gates=(
                Gate("AME, mean", 0.93),
                Gate("eta", 0.93),
                Gate("withheld", None, 0.05),
            ),
            runs=REFIT_RUNS,
        )
        for stream in ("D2L-gaussian-500", "D2L-binomial-1000")
        for kind, skip in _skips()
    ]
    found += [
        _cell(
            f"waves-{kind}-{stream}",
            "a truth that is no network",
            stream,
            model={"hidden": (5,), "skip": skip},
            gates=(Gate("AME, each", 0.92), Gate("eta", 0.90), Gate("withheld", None, 0.05)),
            runs=REFIT_RUNS,
        )
        for stream in ("D2-gaussian-500", "D2-binomial-1000")
        for kind, skip in _skips()
    ]
    return found


def _glm_cells() -> list[Cell]:
    """The GLM where it is true: the machinery itself, and the reference of every width."""
    return [
        _cell(
            f"glm-{stream}",
            "the GLM where it is true",
            stream,
            model={"hidden": ()},
            gates=(Gate("AME, each", 0.935, 0.965), Gate("eta", 0.935, 0.965)),
        )
        for stream in ("T1-gaussian-300", "T1-binomial-1000")
    ]


def _all() -> dict[str, Cell]:
    made = [
        *_glm_cells(),
        *_default_cells(),
        *_correct_cells(),
        *_input_test_cells(),
        *_unit_test_cells(),
        *_prediction_cells(),
        *_robust_cells(),
        *_saturation_cells(),
        *_auxiliary_cells(),
        *_other_cells(),
        *_power_cells(),
    ]
    return {cell.name: cell for cell in made}


CELLS = _all()
"""All cells by name, in the order in which the full run goes through them."""

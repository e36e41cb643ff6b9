"""The tables and examples of ``responses.rst``, written from the registries when it is built.

A family of ``deepglm.families`` or an inverse link of ``deepglm.links`` that has no words here
stops the build, and the tests with it. The examples are run; the page shows what they print.
"""

from __future__ import annotations

import contextlib
import inspect
import io
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from statsmodels.genmod.families import Family as StatsmodelsFamily

from deepglm import families, links


@dataclass(frozen=True)
class Row:
    """A regression model that is paired with an activation.

    Parameters
    ----------
    model, activation
        What the model is called, and the inverse link of the registry.
    mean
        The mean of the response.
    latent
        A variable that is not observed, of which the response shows a part.
    family
        What to give as ``family=``.
    response, layer
        Code that fits a GLM, called ``glm``, and a network, called ``deep``.
    note
        What else there is to say.
    """

    model: str
    activation: str
    mean: str
    latent: str
    family: str
    response: str
    layer: str
    note: str = ""


BUDWORM = """\
moths = dg.datasets.load("budworm").eval("alive = n - numdead")
"""
MENARCHE = """\
girls = dg.datasets.load("menarche").eval("rest = Total - Menarche")
"""
HOUSING = """\
residents = dg.datasets.load("housing")
"""

ROWS = (
    Row(
        "Linear regression",
        "identity",
        "mu = eta",
        "The response itself.",
        "dg.Gaussian()",
        """\
trees = dg.datasets.load("trees")
glm = dg.DeepGLM("Volume ~ Girth + Height", trees, family=dg.Gaussian(), hidden=()).fit()
""",
        """\
deep = dg.DeepGLM(
    "Volume ~ Girth + Height", trees, hidden=(1,), activation="identity", skip=False, penalty=None
).fit(starts=1)
""",
        "A hidden layer of this kind bends nothing: a linear function of linear functions is the "
        "linear model again, as the two log-likelihoods show. Several units in front of several "
        "linear predictors are a regression of reduced rank.",
    ),
    Row(
        "Logistic regression",
        "logistic",
        "mu = 1 / (1 + exp(-eta))",
        "The response is 1 where a logistic variable with mean eta is above zero.",
        "dg.Binomial()",
        BUDWORM
        + """\
glm = dg.DeepGLM("numdead + alive ~ sex + ldose", moths, family=dg.Binomial(), hidden=()).fit()
""",
        """\
deep = dg.DeepGLM(
    "numdead + alive ~ sex + ldose", moths, family=dg.Binomial(), hidden=(1,), activation="logistic"
).fit(seed=1)
""",
        "The unit is the sigmoid of neural networks. Here it has nothing to add to the GLM, and "
        "the penalty takes it back: the two log-likelihoods are the same.",
    ),
    Row(
        "Binary regression with the hyperbolic tangent",
        "tanh",
        "mu = (1 + tanh(eta)) / 2",
        "The response is 1 where a logistic variable with mean 2 eta is above zero.",
        "dg.Binomial(dg.links.Tanh())",
        BUDWORM
        + """\
family = dg.Binomial(dg.links.Tanh())
glm = dg.DeepGLM("numdead + alive ~ sex + ldose", moths, family=family, hidden=()).fit()
""",
        """\
deep = dg.DeepGLM(
    "numdead + alive ~ sex + ldose", moths, family=family, hidden=(1,), activation="tanh"
).fit(seed=1)
""",
        "This link is half the logit: its coefficients are half of those above, and so are their "
        "standard errors. The unit is the link's mean on the scale from -1 to 1, "
        "``tanh(eta) = 2 mu - 1``, which is centred where its inputs are; it is the default.",
    ),
    Row(
        "Probit regression",
        "probit",
        "mu = Phi(eta)",
        "The response is 1 where a normal variable with mean eta and variance 1 is above zero.",
        "dg.Binomial(dg.families.links.Probit())",
        MENARCHE
        + """\
family = dg.Binomial(dg.families.links.Probit())
glm = dg.DeepGLM("Menarche + rest ~ Age", girls, family=family, hidden=()).fit()
""",
        """\
deep = dg.DeepGLM(
    "Menarche + rest ~ Age", girls, family=family, hidden=(1,), activation="probit"
).fit(seed=1)
""",
    ),
    Row(
        "Complementary log-log regression",
        "cloglog",
        "mu = 1 - exp(-exp(eta))",
        "The response is 1 where a Gumbel variable with mode eta and the long tail on the right is "
        "above zero; or where a Poisson count with mean exp(eta) is not zero.",
        "dg.Binomial(dg.families.links.CLogLog())",
        MENARCHE
        + """\
family = dg.Binomial(dg.families.links.CLogLog())
glm = dg.DeepGLM("Menarche + rest ~ Age", girls, family=family, hidden=()).fit()
""",
        """\
deep = dg.DeepGLM(
    "Menarche + rest ~ Age", girls, family=family, hidden=(1,), activation="cloglog"
).fit(seed=1)
""",
        "The link is the wrong one for these data, and one hidden unit mends it.",
    ),
    Row(
        "Multinomial regression",
        "softmax",
        "mu_k = exp(eta_k) / sum(exp(eta))",
        "The class is the one whose utility, eta_k plus a Gumbel variable, is largest.",
        "dg.Multinomial()",
        HOUSING
        + """\
options = {"family": dg.Multinomial(), "freq_weights": "Freq"}
glm = dg.DeepGLM("Sat ~ Infl + Type + Cont", residents, hidden=(), **options).fit()
""",
        """\
deep = dg.DeepGLM(
    "Sat ~ Infl + Type + Cont", residents, hidden=(3,), activation="softmax", **options
).fit(seed=1, starts=20)
""",
        "A hidden layer of softmax units is a soft choice between as many classes of rows; of two "
        "units it is one logistic unit.",
    ),
    Row(
        "Poisson regression",
        "exp",
        "mu = exp(eta)",
        "The response counts the events of a Poisson process with log intensity eta.",
        "dg.Poisson()",
        """\
ships = dg.datasets.load("ships").query("service > 0")
options = {"family": dg.Poisson(), "exposure": "service"}
glm = dg.DeepGLM("incidents ~ type + year + period", ships, hidden=(), **options).fit()
""",
        """\
deep = dg.DeepGLM(
    "incidents ~ type + deep(year + period, units=(1,), activation='exp')", ships, **options
).fit(seed=1)
""",
        "The exponential of a sum is a product: an exponential unit multiplies what its inputs "
        "contribute, where GLM terms add it.",
    ),
    Row(
        "Poisson regression with the root link",
        "square",
        "mu = eta**2",
        "The response counts events, and its square root has nearly the mean eta and the variance "
        "1/4.",
        "dg.Poisson(dg.families.links.Sqrt())",
        """\
looms = dg.datasets.load("warpbreaks")
family = dg.Poisson(dg.families.links.Sqrt())
glm = dg.DeepGLM("breaks ~ wool + tension", looms, family=family, hidden=()).fit()
""",
        """\
deep = dg.DeepGLM(
    "breaks ~ wool + tension", looms, family=family, hidden=(1,), activation="square"
).fit(seed=1)
""",
        "Square units are a quadratic form of the inputs: squares and products of all of them, in "
        "as few directions as there are units.",
    ),
    Row(
        "Gamma regression",
        "reciprocal",
        "mu = 1 / eta",
        "The response is the time until a number of events, and eta is in proportion to the rate "
        "at which these happen.",
        "dg.Gamma()",
        """\
blood = dg.datasets.load("clotting")
glm = dg.DeepGLM("lot1 ~ np.log(u)", blood, family=dg.Gamma(), hidden=()).fit()
""",
        """\
deep = dg.DeepGLM(
    "lot1 ~ np.log(u)", blood, family=dg.Gamma(), hidden=(1,), activation="reciprocal"
).fit(seed=1)
""",
        "A reciprocal unit is a hyperbola, as of a dose that saturates.",
    ),
    Row(
        "Tobit regression",
        "relu",
        "mu = sigma * (z * Phi(z) + phi(z)), z = eta / sigma",
        "A normal variable with mean eta and standard deviation sigma, recorded as zero where it "
        "is negative.",
        "dg.Tobit(lower=0)",
        """\
goods = dg.datasets.load("tobin")
glm = dg.DeepGLM("durable ~ age + quant", goods, family=dg.Tobit(lower=0), hidden=()).fit()
""",
        """\

# a line with a bend, of other data
trees = dg.datasets.load("trees")
deep = dg.DeepGLM("Volume ~ Girth + Height", trees, hidden=(1,), activation="relu").fit(seed=1)
""",
        "The unit is the mean for sigma = 0: a line with a bend. For sigma = 1 it is "
        '``activation="smooth_tobit"``, which has a second derivative everywhere, where a fit with '
        "the other can end at a kink.",
    ),
    Row(
        "Ordinal regression",
        "logistic",
        "P(Y > c) = 1 / (1 + exp(tau_c - eta))",
        "A logistic variable with mean eta, of which one sees between which of the cut-points tau "
        "it lies.",
        "dg.Ordinal()",
        HOUSING
        + """\
residents["Sat"] = residents["Sat"].cat.as_ordered()
options = {"family": dg.Ordinal(), "freq_weights": "Freq"}
glm = dg.DeepGLM("Sat ~ Infl + Type + Cont", residents, hidden=(), **options).fit()
""",
        """\
deep = dg.DeepGLM(
    "Sat ~ Infl + Type + Cont", residents, hidden=(1,), activation="logistic", **options
).fit(seed=1, starts=20)
""",
        "A hidden unit has one value, not one for every cut-point: the unit that belongs to this "
        "model is the logistic one, the probability of lying above a cut-point that is its "
        "intercept. Several units with the same slopes are several cut-points.",
    ),
)

PRINTING = """\
print(pd.DataFrame({"coef": glm.params, "std err": glm.bse}).round(4))
print(f"log-likelihood of the GLM:     {glm.llf:10.2f}")
print(f"log-likelihood of the network: {deep.llf:10.2f}")
"""

FORMULAS = {
    "identity": "eta",
    "logistic": "1 / (1 + exp(-eta))",
    "probit": "Phi(eta)",
    "cloglog": "1 - exp(-exp(eta))",
    "loglog": "exp(-exp(-eta))",
    "cauchit": "1 / 2 + arctan(eta) / pi",
    "tanh": "tanh(eta)",
    "exp": "exp(eta)",
    "relu": "max(0, eta)",
    "leaky_relu": "max(0.01 * eta, eta)",
    "softplus": "log(1 + exp(eta))",
    "smooth_tobit": "eta * Phi(eta) + phi(eta)",
    "square": "eta**2",
    "reciprocal": "1 / eta",
    "gelu": "eta * Phi(eta)",
    "silu": "eta / (1 + exp(-eta))",
    "elu": "max(0, eta) + min(0, exp(eta) - 1)",
    "softmax": "exp(eta_k) / sum(exp(eta))",
}
"""What every activation is, in Python: the tests hold these against the functions."""

SENTENCES = {
    "identity": "a linear predictor as it is",
    "logistic": "the probability that a logistic variable with mean eta is positive",
    "probit": "the probability that a normal variable with mean eta is positive",
    "cloglog": "the probability of any event where exp(eta) are expected",
    "loglog": "the probability of no event where exp(-eta) are expected",
    "cauchit": "the probability that a Cauchy variable with median eta is positive",
    "tanh": "twice such a probability of 2 eta, less one",
    "exp": "the mean of a count with log intensity eta",
    "relu": "eta, recorded as zero where it is negative",
    "leaky_relu": "the same with a hundredth of eta where it is negative",
    "softplus": "the mean of a logistic variable with mean eta, recorded as zero where negative",
    "smooth_tobit": "the mean of a normal variable with mean eta, recorded as zero where negative",
    "square": "the mean of a count whose square root has nearly the mean eta",
    "reciprocal": "the mean waiting time for an event with rate eta",
    "gelu": "eta times the probability that a normal variable with mean eta is positive",
    "silu": "the same of a logistic variable",
    "elu": "eta, bent to -1 where it is negative",
    "softmax": "the probabilities of classes with utilities eta_k",
}

FAMILIES = {
    "Binomial": "a share of trials, a zero or one, two labels, or successes and failures",
    "Gamma": "a positive amount, its standard deviation in proportion to its mean",
    "Gaussian": "any number",
    "InverseGaussian": "a positive amount, its variance in proportion to its mean's third power",
    "Multinomial": "one of several classes, or counts of them",
    "NegativeBinomial": "a count with variance mu + alpha mu**2",
    "Ordinal": "one of several classes in order",
    "Poisson": "a count",
    "Quasi": "what has a mean and a variance in proportion to a function of it",
    "Tobit": "a number that is recorded between limits, or an interval that holds it",
    "Tweedie": "an amount that may be zero, with variance in proportion to mu**p",
}
"""What a response of every family is."""


# ---------------------------------------------------------------------------------------------
# What the registries hold.


def response_families() -> list[str]:
    """Names of the classes of ``deepglm.families`` that may be given as ``family=``."""
    kinds = {name: getattr(families, name) for name in families.__all__}
    ours = ("with_levels", "for_rows")  # of those that wait for their response
    return sorted(
        name
        for name, kind in kinds.items()
        if inspect.isclass(kind)
        and (issubclass(kind, StatsmodelsFamily) or any(hasattr(kind, one) for one in ours))
    )


def adapted(name: str) -> Any:
    """The family of that name with a response of three classes, or of a value and two limits."""
    return families.of_response(getattr(families, name)(), ("a", "b", "c"), np.zeros((3, 1)))


LINKS = (
    "Identity",
    "Logit",
    "Probit",
    "Cauchy",
    "CLogLog",
    "LogLog",
    "Log",
    "Sqrt",
    "InversePower",
)
"""statsmodels' links without a parameter, of which the inverse is an activation."""


def words_for_link(name: str) -> str:
    """How a response gets an inverse link."""
    link = links.get(name)
    if link.across:
        return "``dg.Multinomial()``"
    for word in LINKS:
        if links.get(getattr(families.links, word)()) == link:
            return f"``links.{word}()``"
    if name == "tanh":
        return "``dg.links.Tanh()``, from 0 to 1"
    return f'``dg.Quasi("{name}", ...)``' if link.forward is not None else "hidden layers only"


# ---------------------------------------------------------------------------------------------
# The page.


def page() -> str:
    """The whole of the generated text."""
    sections = [overview(), *(section(row) for row in ROWS), family_table(), link_table()]
    return "\n".join(sections)


def printed(code: str) -> str:
    """What a piece of code prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(code, {})
    return out.getvalue().rstrip()


def example(row: Row) -> str:
    """The code of a row, from its imports to what it prints."""
    numpy = "import numpy as np\n" if "np." in row.response else ""
    imports = f"{numpy}import pandas as pd\nimport deepglm as dg\n\n"
    return imports + row.response + row.layer + "\n" + PRINTING


def overview() -> str:
    """The table that pairs regressions with activations."""
    cells = [
        (row.model, f"``{row.mean}``", f"``{row.family}``", f'``activation="{row.activation}"``')
        for row in ROWS
    ]
    return _title("The table") + _table(
        ("regression", "mean of the response", "as a response", "as a hidden layer"), cells
    )


def section(row: Row) -> str:
    """What there is to say of a row, with an example and what it prints."""
    facts = [
        ("Mean", f"``{row.mean}``"),
        ("Latent variable", row.latent),
        ("As a response", f"``family={row.family}``"),
        ("As a hidden layer", f'``activation="{row.activation}"``, ``{FORMULAS[row.activation]}``'),
    ]
    code = example(row)
    parts = [_title(row.model).rstrip() + "\n"]
    parts += [f"{what}\n    {text}\n" for what, text in facts]
    parts += [textwrap.fill(row.note, 100) + "\n"] if row.note else []
    return "\n".join([*parts, _block("python", code), _block("text", printed(code))])


def family_table() -> str:
    """All families of the package."""
    cells = []
    for name in response_families():
        family = adapted(name)
        aux = ", ".join(f"``{one}``" for one in family.aux_labels) or "none"
        statistics = ", ".join(f'``"{one}"``' for one in family.statistics)
        cells.append((f"``dg.{name}``", FAMILIES[name], aux, statistics))
    head = ("family", "the response", "other parameters", "which= in predict")
    words = (
        "Other parameters are estimated with the coefficients, and are in ``results.auxiliary``; "
        "a dispersion, ``log_scale``, is ``results.scale``. Those of ``Ordinal`` are cut-points "
        "between levels, here of a, b and c. ``dg.NegativeBinomial(alpha=0.5)`` and "
        "``dg.Tweedie(var_power=1.5)`` hold theirs fixed."
    )
    return _title("All families") + textwrap.fill(words, 100) + "\n\n" + _table(head, cells)


def link_table() -> str:
    """All inverse links of the registry."""
    cells = []
    for name in links.names():
        row = (f"``{name}``", f"``{FORMULAS[name]}``", SENTENCES[name], words_for_link(name))
        cells.append(row)
    head = ("inverse link", "formula", "what it is", "as the link of a response")
    words = (
        "``Phi`` and ``phi`` are the normal distribution function and density. ``links`` is "
        "``dg.families.links``; it has ``Power`` with any exponent besides, ``InverseSquared``, "
        "``LogC`` and ``NegativeBinomial``, which no hidden layer has. ``dg.Ordinal(link=...)`` "
        "takes the inverse links that are distribution functions by name."
    )
    return _title("All inverse links") + textwrap.fill(words, 100) + "\n\n" + _table(head, cells)


def _title(text: str) -> str:
    return f"{text}\n{'-' * len(text)}\n\n"


def _block(language: str, text: str) -> str:
    return f".. code-block:: {language}\n\n{textwrap.indent(text.rstrip(), '   ')}\n"


def _table(head: Sequence[str], cells: Iterable[Sequence[str]]) -> str:
    lines = [".. list-table::", "   :header-rows: 1", ""]
    for row in (head, *cells):
        lines += [f"   {'* -' if k == 0 else '  -'} {cell}" for k, cell in enumerate(row)]
    return "\n".join(lines) + "\n\n"


def write(app: Any) -> None:
    """Write what ``responses.rst`` includes; Sphinx calls it before it reads the pages."""
    target = Path(app.srcdir) / "_build" / "responses.txt"
    target.parent.mkdir(exist_ok=True)
    target.write_text(page(), encoding="utf-8")

import numpy as np
import pandas as pd
import pytest

from deepglm.errors import FormulaError
from deepglm.formula import DeepTerm, Parsed, learn, parse


def test_a_formula_without_deep_is_left_as_it_is():
    assert parse("y ~ a + b:c") == Parsed(response="y", terms="a + b:c", deep=())


def test_deep_is_cut_out_of_the_terms():
    parsed = parse('log(y) ~ C(g) + deep(a + b, units=(8, 4), activation="tanh") + z')
    assert parsed.response == "log(y)"
    assert parsed.terms == "C(g) + z"
    assert parsed.deep == (
        DeepTerm(
            text="a + b",
            units=(8, 4),
            activation="tanh",
            source='deep(a + b, units=(8, 4), activation="tanh")',
        ),
    )


def test_units_and_activation_are_left_to_the_model():
    (term,) = parse("y ~ deep(x)").deep
    assert term.units is None
    assert term.activation is None


@pytest.mark.parametrize(
    ("formula", "terms"),
    [
        ("y ~ deep(x)", "1"),
        ("y ~ 0 + deep(x)", "0"),
        ("y ~ deep(x) + 0", "0"),
        ("y ~ deep(x) - 1", "- 1"),
        ("y ~ -1 + deep(x)", "-1"),
        ("y ~ a + deep(x)", "a"),
        ("y ~ deep(x) + a", "a"),
        ("y ~ a + deep(x) + b", "a + b"),
        ("y ~ a + deep(x) - b", "a - b"),
        ("y ~ a*b + deep(x) + deep(z) - 1", "a*b - 1"),
        ("y ~ + deep(x) + a", "a"),
        ("y ~ a + + deep(x) + b", "a + b"),
        ("y ~\n  a +\n  deep(x,\n units=3)", "a"),
        ('y ~ Q("two  blanks") + deep(x)', 'Q("two  blanks")'),
        ("y ~ deep + nest.deep(x)", "deep + nest.deep(x)"),
        ("y ~ I('deep(x)' == g)", "I('deep(x)' == g)"),
    ],
)
def test_terms_outside_deep(formula, terms):
    assert parse(formula).terms == terms


def test_brackets_quotes_and_commas_inside_deep():
    (term,) = parse(
        """y ~ deep(C(g, Treatment("a,)b")) + Q("odd, (name") + x[1:, 0], units=2)"""
    ).deep
    assert term.text == """C(g, Treatment("a,)b")) + Q("odd, (name") + x[1:, 0]"""
    assert term.units == (2,)


def test_several_deep_terms_keep_their_order():
    parsed = parse("y ~ deep(x, units=(4,)) + g + deep(z) + deep(x, units=[8])")
    assert [(term.text, term.units) for term in parsed.deep] == [
        ("x", (4,)),
        ("z", None),
        ("x", (8,)),
    ]


def test_activation_is_a_name_names_or_an_object_of_the_caller():
    link, env = object(), {}
    env["link"], env["sizes"] = link, (np.int64(3), 2)
    (term,) = parse("y ~ deep(x, activation=link, units=sizes)", env).deep
    assert term.activation is link
    assert term.units == (3, 2)
    (term,) = parse('y ~ deep(x, activation=("tanh", "exp"))').deep
    assert term.activation == ("tanh", "exp")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ a:deep(x)", r"interaction or product \(':'\).*deep\(x \+ g\) instead"),
        ("y ~ deep(x):a", r"interaction or product \(':'\)"),
        ("y ~ deep(x)*a", r"interaction or product \('\*'\)"),
        ("y ~ a / deep(x)", r"interaction or product \('/'\)"),
        ("y ~ deep(x)**2", r"interaction or product \('\*\*'\)"),
        ("y ~ a - deep(x)", r"taken away by '-'"),
        ("y ~ np.log(deep(x))", r"inside np\.log\(\).*deep\(np\.log\(x\)\)"),
        ("y ~ (a + deep(x)):b", r"inside brackets"),
        ("y ~ [deep(x)]", r"inside brackets"),
        ("y ~ deep(a + deep(x))", r"inside another deep\(\)"),
        ("y ~ deep(x) + a + deep( x )", r"is in the formula twice"),
        ("y ~ deep(a + b) + deep(b + a)", r"is in the formula twice"),
        ("deep(y) ~ x", r"left side of '~'"),
        ("y ~ deep()", r"'deep\(\)' has no inputs"),
        ("y ~ deep(units=3)", r"has no inputs"),
        ("y ~ deep(1)", r"has no inputs"),
        ("y ~ deep(x, residual=True)", r"no keyword 'residual'\. It accepts units and activation"),
        ("y ~ deep(x, units=1, units=2)", r"'units' twice"),
        ("y ~ deep(a, b)", r"'b' after a comma\. Join inputs by '\+'"),
        ("y ~ deep(a, 8)", r"give units and activation by name"),
        ("y ~ deep(x, units=0)", r"units=0 in .* not positive whole numbers"),
        ("y ~ deep(x, units=(8, -1))", r"not positive whole numbers"),
        ("y ~ deep(x, units=2.0)", r"not positive whole numbers"),
        ("y ~ deep(x, units=True)", r"not positive whole numbers"),
        ("y ~ deep(x, units=())", r"not positive whole numbers"),
        ("y ~ deep(x, units='8')", r"not positive whole numbers"),
        ("y ~ deep(x, activation=nowhere)", r"NameError.*'nowhere'"),
        ("y ~ deep(x, activation=3)", r"is not an activation"),
        ("y ~ deep(x, activation=())", r"is not an activation"),
        ("y ~ deep(y ~ x)", r"'~' inside"),
        ("y ~ a | deep(x)", r"Join it to the other terms by '\+'"),
        ("y ~ a deep(x)", r"Join it to the other terms by '\+'"),
        ("y ~ deep(x) a", r"Join it to the other terms by '\+'"),
        ("y x", r"has no '~'"),
        ("", r"has no '~'"),
        ("y ~ x ~ z", r"more than one '~'"),
        ("~ x", r"has no response"),
        ("y ~ ", r"right side of the formula is empty"),
        ("y ~ f(x", r"'\(' at character 6 is never closed"),
        ("y ~ x)", r"'\)' at character 6 closes nothing"),
        ("y ~ f(x]", r"'\]' at character 8 closes nothing"),
        ("y ~ deep(x", r"never closed"),
        ("y ~ Q('x", r"quote that opens at character 7 is never closed"),
        ("y ~ x z", r"neither terms of a formula nor Python"),
        ("y ~ a + I((lambda v: v)(x))", r"lambda or a comprehension"),
        ("y ~ I([v for v in x])", r"lambda or a comprehension"),
        ("y ~ a # b", r"comments are not allowed"),
        (3, r"of type int"),
    ],
)
def test_what_cannot_be_read(formula, message):
    with pytest.raises(FormulaError, match=f"(?s){message}"):
        parse(formula)


@pytest.mark.parametrize(
    ("formula", "character", "shown"),
    [
        ("y ~ a:3", 7, "    y ~ a:3\n          ^"),
        ("y ~ a + deep(x) + b:3", 21, "    y ~ a + deep(x) + b:3\n                        ^"),
        ("y ~ deep(x) + a +", 17, "    y ~ deep(x) + a +\n                    ^"),
        ("y ~ a + deep(x + z:3)", 12, "    deep(x + z:3)\n               ^"),
    ],
)
def test_patsy_errors_point_at_the_place_in_the_users_text(formula, character, shown):
    with pytest.raises(FormulaError) as caught:
        parse(formula)
    assert f"Look at character {character}." in str(caught.value)
    assert str(caught.value).endswith(shown)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("term", "advice"),
    [
        ("offset(x)", "offset="),
        ("log(x)", "np.log"),
        ("poly(x, 2)", "bs"),
        ("s(x)", "deep"),
        ("factor(x)", "C"),
    ],
)
def test_words_of_r_are_answered_with_ours(term, advice):
    with pytest.raises(FormulaError, match=advice):
        learn(term, pd.DataFrame({"x": [1.0, 2.0, 3.0]}), {})

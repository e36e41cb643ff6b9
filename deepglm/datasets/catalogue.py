"""What is known about each data set: its file, its source, its licence, its columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["ENTRIES", "Entry"]

PUBLISHED_TABLE = "published table; facts"
CASDATASETS = "GPL >= 2, as shipped in the R package CASdatasets"


@dataclass(frozen=True)
class Entry:
    """
    A data set and its provenance.

    Parameters
    ----------
    file : str
        Name of the file.
    rows : int
        Number of rows.
    description, source, licence : str
        What it is, the original publication, and what one may do with it.
    columns : mapping of str to str
        Meaning of each column, in order.
    levels : mapping of str to tuple of str
        Levels of the factors of a CSV file (a Parquet file carries its own).
    dtypes : mapping of str to str
        Types of integer columns of a Parquet file that are not to become 64-bit integers.
    remedy : str
        Where a file that lies outside the package comes from; empty for those inside.
    """

    file: str
    rows: int
    description: str
    source: str
    licence: str
    columns: Mapping[str, str]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    remedy: str = ""

    @property
    def inside_package(self) -> bool:
        """Whether the file is part of the installed package."""
        return not self.remedy


_BUDWORM = Entry(
    file="budworm.csv",
    rows=12,
    description=(
        "Tobacco budworm moths (Heliothis virescens), twenty of each sex at each of six doses of "
        "the pyrethroid trans-cypermethrin."
    ),
    source="Collett, D. (1991). Modelling Binary Data. Chapman & Hall, p. 75.",
    licence=PUBLISHED_TABLE,
    columns={
        "ldose": "base-two logarithm of the dose in micrograms",
        "numdead": "moths dead or knocked down after three days",
        "sex": "sex of the moths",
        "n": "moths in the batch",
    },
    levels={"sex": ("F", "M")},
)

_CLOTTING = Entry(
    file="clotting.csv",
    rows=9,
    description=(
        "Clotting times of blood, for normal plasma diluted to nine percentages and two lots of "
        "thromboplastin."
    ),
    source=(
        "Hurn, M. W., Barker, N. W. and Magath, T. D. (1945). Journal of Laboratory and Clinical "
        "Medicine 30, 432-447; tabulated in McCullagh, P. and Nelder, J. A. (1989). Generalized "
        "Linear Models, 2nd ed. Chapman & Hall, section 8.4.2."
    ),
    licence=PUBLISHED_TABLE,
    columns={
        "u": "concentration of the plasma in per cent",
        "lot1": "clotting time in seconds, first lot",
        "lot2": "clotting time in seconds, second lot",
    },
)

_HOUSING = Entry(
    file="housing.csv",
    rows=72,
    description=(
        "Satisfaction of 1,681 residents of Copenhagen with their housing, by their influence on "
        "the management, their contact with other residents and the type of housing."
    ),
    source=(
        "Madsen, M. (1976). Statistical analysis of multiple contingency tables. Two examples. "
        "Scandinavian Journal of Statistics 3, 97-106."
    ),
    licence=PUBLISHED_TABLE,
    columns={
        "Sat": "satisfaction: low, medium, high",
        "Infl": "perceived influence on the management: low, medium, high",
        "Type": "type of housing: tower block, apartment, atrium house, terraced house",
        "Cont": "contact with other residents: low, high",
        "Freq": "residents",
    },
    levels={
        "Sat": ("Low", "Medium", "High"),
        "Infl": ("Low", "Medium", "High"),
        "Type": ("Tower", "Apartment", "Atrium", "Terrace"),
        "Cont": ("Low", "High"),
    },
)

_MCYCLE = Entry(
    file="mcycle.csv",
    rows=133,
    description=(
        "Head acceleration in simulated motorcycle accidents, from tests of crash helmets; the "
        "times are not all distinct."
    ),
    source=(
        "Schmidt, G., Mattern, R. and Schueler, F. (1981), analysed by Silverman, B. W. (1985). "
        "Some aspects of the spline smoothing approach to non-parametric regression curve "
        "fitting. Journal of the Royal Statistical Society B 47, 1-52."
    ),
    licence=PUBLISHED_TABLE,
    columns={
        "times": "milliseconds after impact",
        "accel": "acceleration of the head in g",
    },
)

_MENARCHE = Entry(
    file="menarche.csv",
    rows=25,
    description="Warsaw girls who had reached menarche, by group of age, in 1965.",
    source=(
        "Milicer, H. and Szczotka, F. (1966). Age at menarche in Warsaw girls in 1965. Human "
        "Biology 38, 199-203."
    ),
    licence=PUBLISHED_TABLE,
    columns={
        "Age": "average age of the group in years",
        "Total": "girls in the group",
        "Menarche": "girls who had reached menarche",
    },
)

_SHIPS = Entry(
    file="ships.csv",
    rows=40,
    description=(
        "Incidents of wave damage to the forward section of cargo ships, by type, years of "
        "construction and period of operation. Months in service is the exposure; it is zero in "
        "six rows, five of them because ships built in 1975-79 cannot have sailed in 1960-74."
    ),
    source=(
        "Lloyd's Register of Shipping, in McCullagh, P. and Nelder, J. A. (1983). Generalized "
        "Linear Models. Chapman & Hall, section 6.3.2."
    ),
    licence=PUBLISHED_TABLE,
    columns={
        "type": "type of ship",
        "year": "years of construction: 60 is 1960-64, 65 is 1965-69, 70 is 1970-74, 75 is 1975-79",
        "period": "period of operation: 60 is 1960-74, 75 is 1975-79",
        "service": "aggregate months in service",
        "incidents": "damage incidents",
    },
    levels={"type": ("A", "B", "C", "D", "E")},
)

_TOBIN = Entry(
    file="tobin.csv",
    rows=20,
    description=(
        "Purchases of durable goods, with age and liquidity; thirteen of the twenty are zero. The "
        "data of the paper after which the tobit model is called."
    ),
    source=(
        "Tobin, J. (1958). Estimation of relationships for limited dependent variables. "
        "Econometrica 26, 24-36."
    ),
    licence=PUBLISHED_TABLE,
    columns={
        "durable": "expenditure on durable goods",
        "age": "age in years",
        "quant": "liquidity ratio, times 1000",
    },
)

_TREES = Entry(
    file="trees.csv",
    rows=31,
    description="Timber in felled black cherry trees.",
    source=(
        "Ryan, T. A., Joiner, B. L. and Ryan, B. F. (1976). The Minitab Student Handbook. Duxbury "
        "Press."
    ),
    licence=PUBLISHED_TABLE,
    columns={
        "Girth": "diameter in inches, 4 ft 6 in above the ground (a diameter, despite its name)",
        "Height": "height in feet",
        "Volume": "volume of timber in cubic feet",
    },
)

_WARPBREAKS = Entry(
    file="warpbreaks.csv",
    rows=54,
    description="Breaks of the warp on a loom, for two wools and three tensions, nine looms each.",
    source="Tippett, L. H. C. (1950). Technological Applications of Statistics. Wiley, p. 106.",
    licence=PUBLISHED_TABLE,
    columns={
        "breaks": "breaks per fixed length of yarn",
        "wool": "type of wool",
        "tension": "tension: low, medium, high",
    },
    levels={"wool": ("A", "B"), "tension": ("L", "M", "H")},
)

_FRENCH_MOTOR = Entry(
    file="freMTPL2freq.parquet",
    rows=678_013,
    description=(
        "French motor third-party liability: numbers of claims and exposures of 678,013 policies, "
        "mostly observed over one year. The rows are those of the source; 195 claims of the "
        "severity table belong to no policy here."
    ),
    source=(
        "Dutang, C. and Charpentier, A., R package CASdatasets (April 2018), freMTPL2freq; the "
        "same rows are OpenML data set 41214."
    ),
    licence=CASDATASETS,
    columns={
        "IDpol": "number of the policy",
        "ClaimNb": "claims during the exposure",
        "Exposure": "length of the exposure in years",
        "Area": "density class of the community, from A (rural) to F (urban centre)",
        "VehPower": "power class of the car",
        "VehAge": "age of the car in years",
        "DrivAge": "age of the driver in years",
        "BonusMalus": "bonus-malus level, 50 to 230 here; below 100 is bonus, above is malus",
        "VehBrand": "brand class of the car",
        "VehGas": "fuel of the car",
        "Density": "inhabitants per square kilometre where the driver lives",
        "Region": "region of France, as it was from 1970 to 2015",
    },
    remedy=(
        "A source checkout of DeepGLM holds it as data/freMTPL2freq.parquet; the rows themselves "
        "are freMTPL2freq in the R package CASdatasets and OpenML data set 41214."
    ),
)

_FRENCH_MOTOR_SPLIT = Entry(
    file="freMTPL2_splits.parquet",
    rows=678_013,
    description=(
        "The field's standard split of french_motor into learning and test rows, on the same "
        "index. It leaks: 36% of the test rows have all rating factors of a learning row."
    ),
    source=(
        "Noll, A., Salzmann, R. and Wuethrich, M. V. (2018). Case study: French motor third-party "
        "liability claims. SSRN 3164764. Nine tenths of the rows are drawn for learning in R, with "
        "seed 100 and the sampler of R before 3.6."
    ),
    licence="row numbers of a published split; facts",
    columns={"is_test_seed100": "whether the row is held out (67,801 are)"},
    dtypes={"is_test_seed100": "bool"},
    remedy="A source checkout of DeepGLM holds it as data/freMTPL2_splits.parquet.",
)

ENTRIES: Mapping[str, Entry] = MappingProxyType(
    {
        "budworm": _BUDWORM,
        "clotting": _CLOTTING,
        "french_motor": _FRENCH_MOTOR,
        "french_motor_split": _FRENCH_MOTOR_SPLIT,
        "housing": _HOUSING,
        "mcycle": _MCYCLE,
        "menarche": _MENARCHE,
        "ships": _SHIPS,
        "tobin": _TOBIN,
        "trees": _TREES,
        "warpbreaks": _WARPBREAKS,
    }
)

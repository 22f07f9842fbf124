"""Label posts on a Spark cluster: in a data frame, or with `python -m riskclf.spark` in Parquet.

::

    from riskclf.spark import predict_udf

    labelled = posts.withColumn("prediction", predict_udf()("text"))

It needs ``pip install 'riskclf[spark]'`` and Java 17 or later. See docs/spark.md.
"""

from __future__ import annotations

from riskclf.spark.udf import predict_udf

__all__ = ["predict_udf"]

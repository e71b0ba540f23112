from django.db import models


class Order(models.Model):
    article = models.CharField(max_length=100)
    # `db_default`: 1.0.0, which does not know the column, still inserts orders while both versions run.
    status = models.CharField(max_length=20, db_default="new")

    def __str__(self) -> str:
        return self.article

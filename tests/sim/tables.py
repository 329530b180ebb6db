"""Tables of an application that uses SQLAlchemy; one refers to itself."""

from sqlalchemy import Column, ForeignKey, Integer, Table, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column, relationship


class Model(DeclarativeBase):
    """The base of the tables."""


TAGGED = Table(
    "tagged",
    Model.metadata,
    Column("shop", ForeignKey("shop.id")),
    Column("tag", ForeignKey("tag.id")),
)


class Tag(Model):
    """What a shop can be tagged with."""

    __tablename__ = "tag"
    id = mapped_column(Integer, primary_key=True)


class Shop(Model):
    """A shop, which may be a branch of another one."""

    __tablename__ = "shop"
    id = mapped_column(Integer, primary_key=True)
    parent_id = mapped_column(ForeignKey("shop.id"))
    branches = relationship("Shop")
    tags = relationship(Tag, secondary=TAGGED)


def flushed():
    """Add shops, and return the statements that the flush sent."""
    sent = []
    engine = create_engine("sqlite://")
    Model.metadata.create_all(engine)
    event.listen(engine, "before_cursor_execute", lambda *told: sent.append(told[2:4]))
    with Session(engine) as session:
        session.add_all([Shop(tags=[Tag(), Tag()], branches=[Shop()]) for _ in range(12)])
        session.commit()
    engine.dispose()
    return sent

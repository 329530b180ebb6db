from __future__ import annotations
import asyncio, dataclasses
from datetime import *
from pydantic_core import to_json
from pgqueuer.adapters.persistence import qb, query_helpers
from pgqueuer.domain import models
from pgqueuer.core.tm import TaskManager
from simqueue.store import *
from simqueue.model.ids import *
class InMemoryDriver:
    def __init__(self, database=None, *, connection=None):
        self.connection=connection; self.listeners={}; connection.on_notify=self.deliver; self._s=None
    def deliver(self,ch,p):
        for c in list(self.listeners.get(ch,())): c(p)
    async def add_listener(self,ch,cb): 
        await self.connection.listen(ch); self.listeners.setdefault(ch,[]).append(cb)
    async def notify(self,c,p): await self.connection.run(Statement("notify",lambda t,n: decide_notify(t,n,c,p),lambda *a:None))
    @property
    def tm(self): return TaskManager()
    @property
    def shutdown(self): return asyncio.Event()
    async def __aenter__(self): return self
    async def __aexit__(self,*a): pass
us=lambda d: d//timedelta(microseconds=1)
def _job(r,ep):
    f=lambda x: datetime(1970,1,1,tzinfo=timezone.utc)+timedelta(microseconds=x+ep)
    return models.Job.model_validate(dict(id=r.id,priority=r.priority,created=f(r.created),updated=f(r.updated),heartbeat=f(r.heartbeat),execute_after=f(r.execute_after),status=r.status,entrypoint=r.entrypoint,payload=r.payload,attempts=r.attempts,queue_manager_id=r.queue_manager_id,headers=r.headers))
def _sch(r,ep):
    f=lambda x: x is not None and datetime(1970,1,1,tzinfo=timezone.utc)+timedelta(microseconds=x+ep) or None
    return models.Schedule.model_validate(dict(id=r.id,expression=r.expression,entrypoint=r.entrypoint,heartbeat=f(r.heartbeat),created=f(r.created),updated=f(r.updated),next_run=f(r.next_run),last_run=f(r.last_run),status=r.status))
@dataclasses.dataclass
class InMemoryQueries:
    driver: object
    qbe: object = dataclasses.field(default_factory=qb.QueryBuilderEnvironment)
    qbq: object = dataclasses.field(default_factory=qb.QueryQueueBuilder)
    tracer: object = None
    def run(self,name,decide,answer=lambda t,n,e: None): return self.driver.connection.run(Statement(name,decide,answer))
    async def has_table(self,*a): return await self.run("has_table",lambda t,n:[],lambda *a:True)
    table_has_column=table_has_index=has_user_defined_enum=has_function=has_trigger=has_table
    async def enqueue(self,entrypoint,payload,priority=0,execute_after=None,dedupe_key=None,headers=None,*,on_conflict="raise"):
        n=query_helpers.normalize_enqueue_params(entrypoint,payload,priority,execute_after,dedupe_key,headers)
        jobs=[NewJob(a,b,c,us(d),e,to_json(f).decode()) for a,b,c,d,e,f in zip(n.entrypoint,n.payload,n.priority,n.execute_after,n.dedupe_key,n.headers)]
        return await self.run("enqueue",lambda t,now: decide_enqueue(t,now,jobs,on_conflict),lambda t,now,e: enqueued_ids(e))
    async def dequeue(self,batch_size,entrypoints,queue_manager_id,global_concurrency_limit,heartbeat_timeout):
        lim={k:v.concurrency_limit for k,v in entrypoints.items()}
        rows,ep=await self.run("dequeue",lambda t,n: decide_dequeue(t,n,batch_size=batch_size,limits=lim,manager=str(queue_manager_id),worker_limit=global_concurrency_limit,heartbeat_timeout=us(heartbeat_timeout)),lambda t,n,e: ([t.jobs.rows[x.job_id] for x in e],t.names.epoch_us))
        return [_job(r,ep) for r in rows]
    async def log_jobs(self,js):
        x=[(j.id,s,tb.model_dump_json() if tb else None) for j,s,tb in js]
        await self.run("log_jobs",lambda t,n: decide_log_jobs(t,n,x))
    async def retry_job(self,job,delay,tb): 
        x=tb.model_dump_json() if tb else None
        await self.run("retry_job",lambda t,n: decide_retry(t,n,job.id,us(delay),x))
    async def update_heartbeat(self,ids): await self.run("update_heartbeat",lambda t,n: decide_heartbeat(t,n,sorted(set(ids))))
    async def queued_work(self,e): return await self.run("queued_work",lambda t,n:[],lambda t,n,_: select_queued_work(t,n,e))
    async def eligible_queued_work(self,e): return await self.run("eligible_queued_work",lambda t,n:[],lambda t,n,_: select_eligible_queued_work(t,n,e))
    async def next_deferred_eta(self,e):
        x=await self.run("next_deferred_eta",lambda t,n:[],lambda t,n,_: select_next_deferred_eta(t,n,e))
        return None if x is None else timedelta(microseconds=x)
    async def aggregate_logs(self): await self.run("aggregate_logs",lambda t,n:[])
    async def notify_health_check(self,i):
        await self.driver.notify(self.qbq.settings.channel,models.HealthCheckEvent(channel=self.qbq.settings.channel,sent_at=models.utc_now(),type="health_check_event",id=i).model_dump_json())
    async def insert_schedule(self,s):
        x=[(k.expression,k.entrypoint,us(v)) for k,v in s.items()]
        await self.run("insert_schedule",lambda t,n: decide_insert_schedules(t,n,x))
    async def fetch_schedule(self,s):
        x=[(k.expression,k.entrypoint,us(v)) for k,v in s.items()]
        rows,ep=await self.run("fetch_schedule",lambda t,n: decide_fetch_schedules(t,n,x),lambda t,n,e:([t.schedules.rows[y.schedule_id] for y in e],t.names.epoch_us))
        return [_sch(r,ep) for r in rows]
    async def set_schedule_queued(self,ids): 
        l=sorted(ids); await self.run("set_schedule_queued",lambda t,n: decide_release_schedules(t,n,l))
    async def update_schedule_heartbeat(self,ids):
        l=sorted(ids); await self.run("update_schedule_heartbeat",lambda t,n: decide_beat_schedules(t,n,l))
    async def delete_schedule(self,ids,entrypoints): pass

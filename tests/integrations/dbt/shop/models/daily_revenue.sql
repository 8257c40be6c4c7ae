select
    ordered_on,
    sum(amount) as revenue,
    count(*) as orders
from {{ ref('stg_orders') }}
group by ordered_on

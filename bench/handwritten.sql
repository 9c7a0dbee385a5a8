-- All customer tags of the retail demo in one statement, written by hand as an analyst would for this one purpose:
-- product traits worked out once per product, each fact read once, every grouping shared by all columns that need it.
-- `$as_of` is replaced by an instant (UTC). `bench/build.py` checks that the result equals the build, cell by cell.
with product as (
    select
        id, department, category, manufacturer, brand = 'National' as is_national,
        type = 'GASOLINE-REG UNLEADED' as is_fuel,
        coalesce(type, '') <> 'GASOLINE-REG UNLEADED' as is_ware,
        brand = 'Private' as is_private,
        department in ('PRODUCE', 'MEAT', 'SEAFOOD', 'SALAD BAR', 'CHEF SHOPPE') as is_fresh,
        category in ('FRZN MEAT/MEAT DINNERS', 'FROZEN PIZZA', 'SOUP', 'DINNER MXS:DRY', 'CONVENIENT BRKFST/WHLSM SNACKS') as is_convenient,
        category in ('DIAPERS & DISPOSABLES', 'INFANT FORMULA', 'BABY FOODS', 'BABY HBC', 'INFANT CARE PRODUCTS', 'BABYFOOD') as is_baby,
        category in ('DOG FOODS', 'CAT FOOD', 'CAT LITTER', 'PET CARE SUPPLIES') as is_pet,
        department = 'NUTRITION' or contains(coalesce(type, ''), 'ORGANIC') as is_organic,
        department = 'FLORAL' as is_floral
    from attributes_products
    where (valid_from is null or valid_from < $as_of) and (valid_to is null or valid_to >= $as_of)
),
line as materialized (
    select
        f.customer, f.ts, f.amount, f.quantity, f.product,
        f.discount, f.retail_discount, f.coupon_discount, f.coupon_match_discount,
        coalesce(f.on_display, false) as on_display, coalesce(f.in_mailer, false) as in_mailer,
        f.ts >= $as_of - interval 4320 hour as is_recent, f.ts >= $as_of - interval 8760 hour as is_year,
        coalesce(p.is_ware, true) as is_ware,
        p.* exclude (id, is_ware)
    from fact_purchase f left join product p on p.id = f.product
    where f.customer is not null and f.ts < $as_of
),
by_line as (
    select
        customer,
        sum(amount) as amount,
        sum(discount) as discount,
        sum(retail_discount) as retail_discount,
        sum(coupon_discount) as coupon_discount,
        sum(coupon_match_discount) as coupon_match_discount,
        sum(amount) filter (where retail_discount > 0) as on_deal,
        sum(amount) filter (where retail_discount is not null) as deal_known,
        sum(amount) filter (where on_display) as on_display,
        sum(amount) filter (where in_mailer) as in_mailer,
        sum(amount) filter (where is_fresh) as fresh,
        sum(amount) filter (where is_fresh is not null) as fresh_known,
        max(ts) filter (where is_fresh) as fresh_last,
        sum(amount) filter (where is_fresh and ts >= $as_of - interval 2160 hour) as fresh_90d,
        sum(amount) filter (where is_convenient) as convenient,
        sum(amount) filter (where is_convenient is not null) as convenient_known,
        sum(amount) filter (where is_fuel) as fuel,
        sum(amount) filter (where is_fuel is not null) as fuel_known,
        sum(amount) filter (where is_private and is_ware) as private,
        sum(amount) filter (where is_private is not null and is_ware) as private_known,
        sum(amount) filter (where is_ware) as ware_amount,
        sum(quantity) filter (where is_ware) as ware_quantity,
        count(*) filter (where is_recent and is_baby) as baby_n,
        min(ts) filter (where is_recent and is_baby) as baby_first,
        max(ts) filter (where is_recent and is_baby) as baby_last,
        count(*) filter (where is_recent and is_pet) as pet_n,
        min(ts) filter (where is_recent and is_pet) as pet_first,
        max(ts) filter (where is_recent and is_pet) as pet_last,
        count(*) filter (where is_recent and is_organic) as organic_n,
        min(ts) filter (where is_recent and is_organic) as organic_first,
        max(ts) filter (where is_recent and is_organic) as organic_last,
        count(*) filter (where is_recent and is_floral) as floral_n,
        min(ts) filter (where is_recent and is_floral) as floral_first,
        max(ts) filter (where is_recent and is_floral) as floral_last,
        count(*) filter (where is_recent and is_fuel) as fuel_n,
        min(ts) filter (where is_recent and is_fuel) as fuel_first,
        max(ts) filter (where is_recent and is_fuel) as fuel_last
    from line group by customer
),
by_product as (
    select customer, count(*) as products
    from (select distinct customer, product from line where product is not null) group by customer
),
department as (
    select
        customer, department, sum(amount) as amount, row_number() over (partition by customer order by sum(amount) desc nulls last, department) as place,
        bool_or(is_year) as is_year, sum(amount) filter (where is_year) as year_amount,
        sum(amount::double * power(0.5, ((epoch_us($as_of) - epoch_us(ts)) // 86400000000) / 60)) filter (where is_year) as faded
    from line where department is not null group by customer, department
),
by_department as (
    select
        customer, count(*) as departments, min(department) filter (where place = 1) as favourite,
        arg_max(department, faded) filter (where is_year) as favourite_now,
        list({'value': department, 'share': year_amount::double / total::double} order by year_amount desc, department) filter (where year_amount > 0) as shares
    from (select *, sum(year_amount) filter (where year_amount > 0) over (partition by customer) as total from department) group by customer
),
category as (
    select
        customer, category, sum(amount) as amount,
        row_number() over (partition by customer order by category = 'COUPON/MISC ITEMS', count(*) desc, category) as place
    from line where category is not null group by customer, category
),
by_category as (
    select
        customer, count(*) as breadth,
        min(category) filter (where place = 1 and category <> 'COUPON/MISC ITEMS') as favourite,
        max(amount)::double / nullif(sum(amount)::double, 0) as concentration,
        case when sum(amount) filter (where amount > 0) > 0 then greatest(0,
            ln(sum(amount::double) filter (where amount > 0))
            - sum(amount::double * ln(case when amount > 0 then amount::double end)) / sum(amount::double) filter (where amount > 0)) end as diversity
    from category group by customer
),
maker as (
    select customer, manufacturer, is_national, amount, is_national and row_number() over (partition by customer order by is_national desc, amount desc nulls last, manufacturer) = 1 as is_favourite
    from (
        select customer, manufacturer, bool_or(coalesce(is_national, false)) as is_national, sum(amount) filter (where is_national) as amount
        from line where manufacturer is not null group by customer, manufacturer
    )
),
by_maker as (
    select
        customer, count(*) as makers,
        min(manufacturer) filter (where is_favourite) as favourite,
        max(amount) filter (where is_national)::double / nullif(sum(amount) filter (where is_national)::double, 0) as concentration
    from maker group by customer
),
first_department as (
    select customer, arg_min(department, ts) as department
    from (select customer, ts, min(department) as department from line where department is not null group by customer, ts) group by customer
),
trip as materialized (
    select
        customer, ts, store, amount, discount, coupon_discount, products, there::date as day, hour(there) as hour,
        case when hour(there) between 5 and 10 then 'morning' when hour(there) between 11 and 13 then 'midday'
            when hour(there) between 14 and 16 then 'afternoon' when hour(there) between 17 and 20 then 'evening' else 'night' end as band
    from (select *, timezone('America/New_York', timezone('UTC', ts)) as there from fact_trip where customer is not null and ts < $as_of)
),
by_trip as (
    select
        customer, count(*) as trips, min(ts) as first_ts, max(ts) as last_ts,
        sum(amount) as spend,
        sum(amount)::double / nullif(count(amount), 0) as value_avg,
        quantile_cont(amount::double, [0.5, 0.9]) as quantiles,
        max(amount) as value_max, stddev_samp(amount::double) as value_stddev,
        sum(products)::double / nullif(count(products), 0) as products_avg,
        count(*) filter (where amount >= 100)::double / nullif(count(amount), 0) as large_share,
        count(*) filter (where products <= 3)::double / nullif(count(products), 0) as quick_share,
        count(*) filter (where isodow(day) >= 6)::double / count(*) as weekend_share,
        sum(discount) as discount,
        count(*) filter (where coupon_discount > 0) as coupon_trips,
        sum(amount) filter (where ts >= $as_of - interval 8760 hour) as spend_365d,
        count(*) filter (where ts >= $as_of - interval 8760 hour) as trips_365d,
        avg(amount) filter (where ts >= $as_of - interval 1344 hour) as basket_8w,
        avg(amount) filter (where ts >= $as_of - interval 2688 hour and ts < $as_of - interval 1344 hour) as basket_8w_before,
        sum(amount) filter (where ts >= $as_of - interval 672 hour) as spend_28d,
        count(*) filter (where ts >= $as_of - interval 672 hour) as trips_28d,
        sum(amount) filter (where ts >= $as_of - interval 1344 hour) as spend_8w,
        count(*) filter (where ts >= $as_of - interval 1344 hour) as trips_8w,
        sum(amount) filter (where ts >= $as_of - interval 2688 hour and ts < $as_of - interval 1344 hour) as spend_8w_before,
        count(*) filter (where ts >= $as_of - interval 2688 hour and ts < $as_of - interval 1344 hour) as trips_8w_before
    from trip group by customer
),
by_day as (
    select
        customer, count(distinct date_trunc('week', day)) as weeks,
        avg(gap::double) as gap_avg, max(gap) as gap_max, stddev_samp(gap::double) as gap_stddev,
        count(*) filter (where is_year) as year_days, avg(gap::double) filter (where was_year) as year_gap_avg,
        stddev_samp(gap::double) filter (where was_year) as year_gap_stddev
    from (
        select
            customer, day, date_diff('day', lag(day) over days, day) as gap, is_year, lag(is_year) over days as was_year
        from (select customer, day, bool_or(ts >= $as_of - interval 8760 hour) as is_year from trip group by customer, day)
        window days as (partition by customer order by day)
    ) group by customer
),
by_weekday as (
    select customer, arg_max(weekday, n) as favourite
    from (select customer, isodow(day) as weekday, count(*) * 8 - isodow(day) as n from trip group by customer, weekday) group by customer
),
by_hour as (
    select
        customer, arg_max(hour, n * 24 - hour) as favourite,
        greatest(0, ln(sum(n)) - sum(n * ln(n)) / sum(n)) as spread
    from (select customer, hour, count(*) as n from trip group by customer, hour) group by customer
),
by_band as (
    select customer, min(band) filter (where place = 1) as favourite
    from (select customer, band, row_number() over (partition by customer order by count(*) desc, band) as place from trip group by customer, band) group by customer
),
by_store as (
    select customer, count(*) as stores, min(store) filter (where place = 1) as favourite, max(n)::double / sum(n) as loyalty
    from (
        select customer, store, count(*) as n, row_number() over (partition by customer order by count(*) desc, store) as place
        from trip where store is not null group by customer, store
    ) group by customer
),
ends as (
    select customer, arg_min(store, ts) as first_store, arg_max(store, ts) as last_store
    from (select customer, ts, min(store) as store from trip where store is not null group by customer, ts) group by customer
),
campaign as (
    select * from attributes_campaign_descriptions
    where (valid_from is null or valid_from < $as_of) and (valid_to is null or valid_to >= $as_of)
),
received as (
    select customer, count(*) as n, count(*) filter (where type = 'Type A') as type_a, max(ts) as last_ts
    from fact_campaign_received f left join campaign c on c.id = f.campaign
    where ts < $as_of group by customer
),
redeemed as (
    select f.customer, count(*) as n, count(distinct f.campaign) as campaigns, max(f.ts) as last_ts
    from fact_coupon_redeemed f where f.ts < $as_of group by f.customer
),
redeemed_type as (
    select f.customer, c.type
    from fact_coupon_redeemed f join campaign c on c.id = f.campaign
    where f.ts < $as_of and c.type is not null group by f.customer, c.type
    qualify row_number() over (partition by f.customer order by count(*) desc, c.type) = 1
),
person as (
    select id, age, income, home_ownership, marital_status, household_type, kids,
        case when regexp_full_match(left(household_size, 1), '[0-9]') then left(household_size, 1)::bigint end as size
    from attributes_demographics
    where (valid_from is null or valid_from < $as_of) and (valid_to is null or valid_to >= $as_of)
),
grade as (
    select id, "given.care.grade" as grade from given_care__grade
    where valid_from < $as_of and (valid_to is null or valid_to >= $as_of)
),
wish as (
    select id, "given.care.wish" as wish from given_care__wish
    where valid_from < $as_of and (valid_to is null or valid_to >= $as_of)
),
satisfaction as (
    select id, "given.outside.satisfaction" as satisfaction from given_outside__satisfaction
    where valid_from < $as_of and (valid_to is null or valid_to >= $as_of)
),
member as (
    select
        m.id, p.*exclude (id), t.* exclude (customer),
        coalesce(l.amount + l.retail_discount + l.coupon_match_discount, null) as shelf_price,
        l.* exclude (customer, amount, discount),
        l.discount as line_discount,
        coalesce(bp.products, 0) as products,
        coalesce(bd.departments, 0) as departments, bd.favourite as favourite_department,
        bd.favourite_now, bd.shares,
        coalesce(bc.breadth, 0) as breadth, bc.favourite as favourite_category, bc.concentration, bc.diversity,
        coalesce(bm.makers, 0) as makers, bm.favourite as favourite_maker, bm.concentration as maker_concentration,
        fd.department as first_department,
        dy.* exclude (customer),
        wd.favourite as favourite_weekday, hr.favourite as favourite_hour, hr.spread as hour_spread, bb.favourite as favourite_band,
        coalesce(st.stores, 0) as stores, st.favourite as favourite_store, st.loyalty, en.first_store, en.last_store,
        coalesce(rc.n, 0) as received, coalesce(rc.type_a, 0) as received_type_a, rc.last_ts as received_ts,
        coalesce(rd.n, 0) as redeemed, coalesce(rd.campaigns, 0) as responded, rd.last_ts as redeemed_ts, ty.type as favourite_type,
        (epoch_us($as_of) - epoch_us(t.last_ts)) // 86400000000 as days_since_last,
        sum(t.spend) over () as all_spend,
        cg.grade, cw.wish, os.satisfaction,
        rank() over (partition by l.fresh_last is null order by l.fresh_last) as fresh_rank,
        count(l.fresh_last) over () as n_fresh,
        rank() over (partition by t.spend_365d is null order by t.spend_365d desc) as year_place,
        rank() over (partition by t.last_ts is null order by t.last_ts) as last_rank,
        rank() over (order by coalesce(t.trips_365d, 0)) as trips_rank,
        rank() over (partition by t.spend_365d is null order by t.spend_365d) as spend_rank,
        percent_rank() over (partition by t.spend is null order by t.spend) as spend_place,
        rank() over (partition by l.on_deal is null and l.deal_known is null or l.deal_known = 0 order by coalesce(l.on_deal, 0)::double / nullif(l.deal_known::double, 0)) as deal_rank,
        rank() over (partition by l.ware_amount is null or coalesce(l.ware_quantity, 0) = 0 order by l.ware_amount::double / nullif(l.ware_quantity, 0)) as price_rank,
        count(t.last_ts) over () as n_last, count(*) over () as n_all, count(t.spend_365d) over () as n_spend,
        count(nullif(l.deal_known, 0)) over () as n_deal,
        count(l.ware_amount::double / nullif(l.ware_quantity, 0)) over () as n_price
    from member_customer m
    left join person p on p.id = m.id
    left join by_trip t on t.customer = m.id
    left join by_line l on l.customer = m.id
    left join by_product bp on bp.customer = m.id
    left join by_department bd on bd.customer = m.id
    left join by_category bc on bc.customer = m.id
    left join by_maker bm on bm.customer = m.id
    left join first_department fd on fd.customer = m.id
    left join by_day dy on dy.customer = m.id
    left join by_weekday wd on wd.customer = m.id
    left join by_hour hr on hr.customer = m.id
    left join by_band bb on bb.customer = m.id
    left join by_store st on st.customer = m.id
    left join ends en on en.customer = m.id
    left join received rc on rc.customer = m.id
    left join redeemed rd on rd.customer = m.id
    left join redeemed_type ty on ty.customer = m.id
    left join grade cg on cg.id = m.id
    left join wish cw on cw.id = m.id
    left join satisfaction os on os.id = m.id
    where m.known_from is null or m.known_from < $as_of
),
scored as (
    select
        *,
        case when last_ts is not null then 1 + (last_rank - 1) * 5 // n_last end as recency,
        1 + (trips_rank - 1) * 5 // n_all as frequency,
        case when spend_365d is not null then 1 + (spend_rank - 1) * 5 // n_spend end as monetary,
        case when spend is not null then spend_place end as percentile,
        days_since_last / nullif(gap_avg, 0) as lapse,
        coalesce(spend_8w, 0) as recent, coalesce(spend_8w_before, 0) as earlier,
        (epoch_us($as_of) - epoch_us(first_ts)) // 86400000000 as tenure,
        coalesce(private, 0)::double / nullif(private_known::double, 0) as private_share,
        timezone('America/New_York', timezone('UTC', first_ts))::date as first_day,
        timezone('America/New_York', timezone('UTC', last_ts))::date as last_day,
        year_gap_stddev / nullif(year_gap_avg, 0) as year_spread,
        case when days_since_last < 7 then 5 when days_since_last < 14 then 4 when days_since_last < 30 then 3 when days_since_last < 60 then 2 when days_since_last >= 60 then 1 end
        + case when coalesce(trips_365d, 0) >= 104 then 5 when trips_365d >= 52 then 4 when trips_365d >= 26 then 3 when trips_365d >= 12 then 2 else 1 end
        + 2 * case when spend_365d >= 5000 then 5 when spend_365d >= 2500 then 4 when spend_365d >= 1000 then 3 when spend_365d >= 250 then 2 when spend_365d < 250 then 1 end as points
    from member
),
library as (
    select
        id,
        value_avg as "basket.value_avg", quantiles[1] as "basket.value_median", value_max as "basket.value_max",
        quantiles[2] as "basket.value_p90", value_stddev as "basket.value_stddev",
        value_stddev / nullif(value_avg, 0) as "basket.variation",
        products_avg as "basket.products_avg", large_share as "basket.large_share", quick_share as "basket.quick_share",
        case when large_share >= 0.25 then 'stock_up' when quick_share >= 0.5 then 'top_up' when large_share is not null then 'mixed' end as "basket.style",
        received as "campaign.received", received_type_a as "campaign.received_type_a",
        redeemed as "campaign.coupons_redeemed", responded as "campaign.responded",
        responded / nullif(received, 0)::double as "campaign.response_rate",
        (epoch_us($as_of) - epoch_us(received_ts)) // 86400000000 as "campaign.days_since_received",
        timezone('America/New_York', timezone('UTC', redeemed_ts))::date as "campaign.last_redeemed",
        favourite_type as "campaign.favourite_type",
        case when received = 0 and redeemed = 0 then 'never_reached' when redeemed = 0 then 'silent' when responded = 1 then 'tried' else 'regular' end as "campaign.stage",
        home_ownership as "household.home_ownership",
        home_ownership in ('Homeowner', 'Probable Homeowner') as "household.owns_home",
        marital_status as "household.marital_status", size as "household.size",
        case when regexp_full_match(left(kids, 1), '[0-9]') then left(kids, 1)::bigint end as "household.kids",
        kids <> '0' as "household.has_kids", household_type as "household.composition",
        case
            when age in ('19-24', '25-34') and kids = '0' then 'young_free'
            when age in ('19-24', '25-34') and kids is not null then 'young_family'
            when age in ('35-44', '45-54') and kids = '0' then 'midlife_free'
            when age in ('35-44', '45-54') and kids is not null then 'family'
            when age in ('55-64', '65+') and kids = '0' then 'empty_nest'
            when age in ('55-64', '65+') and kids is not null then 'late_family'
        end as "household.life_stage",
        spend_365d::double / nullif(size, 0) as "household.spend_per_person",
        favourite_department as "category.favourite_department", favourite_category as "category.favourite",
        concentration as "category.concentration", diversity as "category.diversity", breadth as "category.breadth",
        departments as "category.departments", products as "category.products",
        coalesce(fresh, 0)::double / nullif(fresh_known::double, 0) as "interest.fresh_share",
        coalesce(convenient, 0)::double / nullif(convenient_known::double, 0) as "interest.convenience_share",
        coalesce(baby_n >= 3 and date_diff('day', timezone('America/New_York', timezone('UTC', baby_first))::date, timezone('America/New_York', timezone('UTC', baby_last))::date) >= 14, false) as "interest.baby",
        coalesce(pet_n >= 3 and date_diff('day', timezone('America/New_York', timezone('UTC', pet_first))::date, timezone('America/New_York', timezone('UTC', pet_last))::date) >= 14, false) as "interest.pet",
        coalesce(organic_n >= 3 and date_diff('day', timezone('America/New_York', timezone('UTC', organic_first))::date, timezone('America/New_York', timezone('UTC', organic_last))::date) >= 14, false) as "interest.organic",
        coalesce(floral_n >= 3 and date_diff('day', timezone('America/New_York', timezone('UTC', floral_first))::date, timezone('America/New_York', timezone('UTC', floral_last))::date) >= 14, false) as "interest.flowers",
        coalesce(fuel_n >= 3 and date_diff('day', timezone('America/New_York', timezone('UTC', fuel_first))::date, timezone('America/New_York', timezone('UTC', fuel_last))::date) >= 14, false) as "interest.fuel",
        coalesce(fuel, 0)::double / nullif(fuel_known::double, 0) as "interest.fuel_share",
        favourite_weekday as "time.favourite_weekday", favourite_hour as "time.favourite_hour", favourite_band as "time.favourite_band",
        weekend_share as "time.weekend_share", hour_spread as "time.hour_spread",
        last_day as "rhythm.last_purchase_date", days_since_last as "rhythm.days_since_last",
        gap_avg as "rhythm.gap_avg", gap_max as "rhythm.gap_max", gap_stddev / nullif(gap_avg, 0) as "rhythm.regularity",
        coalesce(weeks, 0) as "rhythm.active_weeks", lapse as "rhythm.lapse_ratio",
        case when lapse <= 1.5 then 'active' when lapse <= 3 then 'due' when lapse <= 6 then 'late' when lapse is not null then 'lapsed' end as "rhythm.status",
        last_day + round(gap_avg)::integer as "rhythm.next_expected",
        recent as "trend.spend_8w", earlier as "trend.spend_8w_before", recent::double / nullif(earlier::double, 0) as "trend.spend_ratio",
        case
            when recent = 0 and earlier = 0 then null when earlier = 0 then 'started' when recent = 0 then 'stopped'
            when recent::double / earlier::double < 0.8 then 'falling' when recent::double / earlier::double > 1.25 then 'rising' else 'steady'
        end as "trend.direction",
        coalesce(trips_8w, 0) - coalesce(trips_8w_before, 0) as "trend.trips_change",
        favourite_store as "shop.favourite_store", loyalty as "shop.loyalty", stores as "shop.stores", last_store as "shop.last_store",
        age as "person.age_band", income as "person.income_band",
        case when income in ('Under 15K', '15-24K', '25-34K') then 'low' when income in ('35-49K', '50-74K', '75-99K') then 'middle' when income is not null then 'high' end as "person.income_level",
        age = '65+' as "person.is_senior", age is not null as "person.is_declared",
        first_day as "relation.first_purchase_date", date_trunc('month', first_day) as "relation.first_purchase_month",
        tenure as "relation.tenure_days", first_store as "relation.first_store", first_department as "relation.first_department",
        discount as "promotion.discount", line_discount::double / nullif(shelf_price::double, 0) as "promotion.discount_rate",
        coalesce(on_deal, 0)::double / nullif(deal_known::double, 0) as "promotion.deal_share",
        case when nullif(deal_known, 0) is not null then 1 + (deal_rank - 1) * 5 // n_deal end as "promotion.sensitivity",
        coalesce(coupon_trips, 0) as "promotion.coupon_trips", coupon_trips / nullif(trips, 0)::double as "promotion.coupon_trip_share",
        coalesce(coupon_discount + coupon_match_discount, 0) as "promotion.coupon_value",
        coalesce(on_display, 0)::double / nullif((shelf_price - retail_discount - coupon_match_discount)::double, 0) as "promotion.display_share",
        coalesce(in_mailer, 0)::double / nullif((shelf_price - retail_discount - coupon_match_discount)::double, 0) as "promotion.mailer_share",
        private_share as "brand.private_share",
        case when private_share >= 0.4 then 'private' when private_share < 0.2 then 'national' when private_share is not null then 'mixed' end as "brand.leaning",
        makers as "brand.makers", favourite_maker as "brand.favourite_maker", maker_concentration as "brand.maker_concentration",
        ware_amount::double / nullif(ware_quantity, 0) as "price.per_unit",
        case when ware_amount::double / nullif(ware_quantity, 0) is not null then 1 + (price_rank - 1) * 5 // n_price end as "price.level",
        recency as "rfm.recency", frequency as "rfm.frequency", monetary as "rfm.monetary", recency + frequency + monetary as "rfm.total",
        case
            when recency is null or monetary is null then null
            when recency >= 4 and frequency >= 4 and monetary >= 4 then 'champions'
            when recency >= 3 and frequency >= 4 then 'loyal'
            when recency <= 2 and frequency >= 4 then 'at_risk'
            when recency >= 3 and monetary >= 4 then 'big_baskets'
            when recency >= 4 and tenure <= 90 then 'new'
            when recency >= 3 and frequency >= 2 then 'promising'
            when recency >= 3 then 'occasional'
            when frequency >= 2 then 'needs_attention'
            else 'hibernating'
        end as "rfm.group",
        spend as "value.spend", spend_365d as "value.spend_365d", coalesce(spend_28d, 0) as "value.spend_28d",
        coalesce(trips, 0) as "value.trips", coalesce(trips_28d, 0) as "value.trips_28d",
        coalesce(trips, 0) / nullif(coalesce(weeks, 0), 0)::double as "value.trips_per_week",
        spend::double / nullif(all_spend::double, 0) as "value.spend_share",
        percentile as "value.percentile",
        case when percentile >= 0.8 then 'A' when percentile >= 0.5 then 'B' when percentile is not null then 'C' end as "value.class",
        grade as "care.grade", wish as "care.wish", satisfaction as "outside.satisfaction",
        case when fresh_last is not null then 1 + (fresh_rank - 1) * 5 // n_fresh end as "fresh.rfm.recency",
        coalesce(fresh_90d, 0) as "fresh.spend_90d",
        case
            when basket_8w < basket_8w_before * 0.85 then 'falling' when basket_8w > basket_8w_before * 1.15 then 'rising'
            when basket_8w is not null and basket_8w_before is not null then 'steady'
        end as "stage.basket_direction",
        case
            when coalesce(trips, 0) = 0 then 'never' when tenure < 30 then 'new' when days_since_last < 28 then 'active'
            when days_since_last < 90 then 'slipping' else 'lost'
        end as "stage.life_cycle",
        case when spend_365d is not null then year_place end as "stage.place", points as "stage.points",
        case when year_days >= 6 then case when year_spread >= 1.25 then 'irregular' when year_spread >= 0.75 then 'loose' when year_spread < 0.75 then 'regular' end end as "stage.regularity",
        case
            when recency is null or monetary is null then null
            when recency >= 4 then case
                when frequency >= 4 then if(monetary >= 4, 'cherished', 'frequent') else if(monetary >= 4, 'growing', 'fresh_start') end
            when frequency >= 4 then if(monetary >= 4, 'to_keep', 'drifting')
            else if(monetary >= 4, 'to_win_back', 'quiet')
        end as "stage.rfm",
        case when spend_365d is null then 'none' when spend_365d >= 4000 then 'platinum' when spend_365d >= 1500 then 'gold' when spend_365d >= 500 then 'silver' else 'bronze' end as "stage.spend_tier",
        favourite_now as "taste.department_now", shares as "taste.departments"
    from scored
),
measured as (
    select
        *, coalesce(("basket.products_avg" - avg("basket.products_avg") over ()) / stddev_samp("basket.products_avg") over (), 0) as z1,
        coalesce(("category.diversity" - avg("category.diversity") over ()) / stddev_samp("category.diversity") over (), 0) as z2,
        coalesce(("brand.private_share" - avg("brand.private_share") over ()) / stddev_samp("brand.private_share") over (), 0) as z3,
        coalesce(("interest.fresh_share" - avg("interest.fresh_share") over ()) / stddev_samp("interest.fresh_share") over (), 0) as z4,
        coalesce(("shop.loyalty" - avg("shop.loyalty") over ()) / stddev_samp("shop.loyalty") over (), 0) as z5,
        coalesce("rfm.group" = 'champions', false) as is_champion
    from library
),
compared as (
    select
        * exclude (z1, z2, z3, z4, z5, is_champion),
        1 / (1 + sqrt((
            power(z1 - avg(z1) filter (where is_champion) over (), 2) + power(z2 - avg(z2) filter (where is_champion) over (), 2)
            + power(z3 - avg(z3) filter (where is_champion) over (), 2) + power(z4 - avg(z4) filter (where is_champion) over (), 2)
            + power(z5 - avg(z5) filter (where is_champion) over (), 2)
        ) / 5)) as "taste.like_champions"
    from measured
),
placed as (
    select
        *, coalesce("value.spend_365d", 0) as volume, coalesce("basket.large_share" >= 0.1, false) as is_planned,
        percent_rank() over (order by coalesce("value.spend_365d", 0)) as place
    from compared
),
levelled as (
    select *, case when place >= 0.99 then 5 when place >= 0.95 then 4 when place >= 0.8 then 3 when place >= 0.5 then 2 else 1 end as level
    from placed
),
cared_for as (
    select
        *, case when is_planned then ([180, 90, 60, 30, 14])[level] else ([365, 180, 90, 60, 30])[level] end as days,
        case
            when is_planned then (['call_centre', 'grid_staff', 'account_manager', 'account_manager', 'branch_manager'])[level]
            else (['call_centre', 'call_centre', 'grid_staff', 'account_manager', 'branch_manager'])[level]
        end as post
    from levelled
)
select
    * exclude (volume, is_planned, place, level, days, post),
    case when is_planned then 'planned' else 'occasional' end as "grade.buying.type", volume as "grade.buying.volume",
    level as "grade.buying.level", post as "grade.buying.post", days as "grade.buying.days",
    "campaign.days_since_received" as "grade.buying.quiet",
    coalesce("campaign.days_since_received" >= days, true) as "grade.buying.due"
from cared_for
